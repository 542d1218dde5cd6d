/** The text of a plan in a note of the compiled file, for `hutch explain FILE`. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { indexLines, readLines, tellLines } from "./line-copies.ts";
import { PLAN_LINES } from "./plan-lines.ts";

/** The owner of the note. Another list of lines takes another name: files refer to this one for ever. */
export const NOTE_NAME = "hutch2";
/** The owner of notes before there was such a list: the text, deflated (RFC 1951). */
export const OLD_NOTE_NAME = "hutch";

/** No plan has a longer text, in bytes. */
const LONGEST = 2 ** 26;
/** As far as DEFLATE looks back: it also finds parts of lines. */
const WINDOW = 2 ** 15;

const dictionary = new TextEncoder().encode(PLAN_LINES.join("\n")).slice(-WINDOW);
const places = indexLines(PLAN_LINES);

export const packPlanText = (text: string): Uint8Array =>
  new Uint8Array(deflateRawSync(tellLines(text, PLAN_LINES, places), { dictionary }));

/**
 * The text that a file has in its notes; undefined when there is none. The file may be anybody's: throws for
 * notes that are damaged or larger than any of ours.
 */
export function unpackPlanText(notes: ReadonlyMap<string, Uint8Array>): string | undefined {
  // Bun.inflateSync has no limit, and a few bytes may be many.
  const limit = { maxOutputLength: LONGEST };
  const note = notes.get(NOTE_NAME);
  if (note !== undefined)
    return readLines(inflateRawSync(note, { ...limit, dictionary }), PLAN_LINES, LONGEST);
  const old = notes.get(OLD_NOTE_NAME);
  return old === undefined ? undefined : new TextDecoder().decode(inflateRawSync(old, limit));
}
