/**
 * The texts of a compact program. They are read only when something fails, so they are kept small: a byte
 * from FIRST_PAIR on, or a low one, stands for two others (byte pair encoding, Gage 1994; the pairs are those
 * of compact-pairs.ts), and a text may begin with another one.
 */
import { PAIRS } from "./compact-pairs.ts";

/** Followed by the number of another text, plus one. */
export const TEXT_WITHIN = 1;
/** Followed by a byte that stands for itself: UTF-8 beyond ASCII. */
export const RAW = 2;
export const FIRST_LOW_PAIR = 3;
export const FIRST_LITERAL = 0x20;
export const FIRST_PAIR = 0x7f;
export const HIGH_PAIRS = 0x100 - FIRST_PAIR;
export const MOST_PAIRS = HIGH_PAIRS + FIRST_LITERAL - FIRST_LOW_PAIR;

/** The byte of a pair by its place in the table. */
export const codeOf = (index: number): number =>
  index < HIGH_PAIRS ? FIRST_PAIR + index : FIRST_LOW_PAIR + index - HIGH_PAIRS;

/** The table as it stands in a program. */
export const pairBytes = (): Uint8Array => Uint8Array.from(PAIRS.flat());

const RANKS: ReadonlyMap<number, number> = new Map(PAIRS.map(([one, two], rank) => [(one << 8) | two, rank]));

/** Warm processes compile the same texts again and again. */
const encodedTexts = new Map<string, readonly number[]>();
const MOST_KEPT = 4096;

/** The bytes of a text, without an end. */
export function encodeText(text: string): readonly number[] {
  const known = encodedTexts.get(text);
  if (known !== undefined) return known;
  const codes: number[] = [];
  for (const byte of new TextEncoder().encode(text)) {
    // A byte that would mean something else is −byte for now, and so part of no pair.
    codes.push(byte >= FIRST_LITERAL && byte < FIRST_PAIR ? byte : -byte);
  }
  for (;;) {
    let best = Number.POSITIVE_INFINITY;
    for (let index = 1; index < codes.length; index++) {
      const rank = rankOf(codes[index - 1], codes[index]);
      if (rank < best) best = rank;
    }
    if (best === Number.POSITIVE_INFINITY) break;
    join(codes, best);
  }
  const bytes = codes.flatMap((code) => (code < 0 ? [RAW, -code] : [code]));
  if (encodedTexts.size < MOST_KEPT) encodedTexts.set(text, bytes);
  return bytes;
}

function rankOf(one = -1, two = -1): number {
  return one < 0 || two < 0
    ? Number.POSITIVE_INFINITY
    : (RANKS.get((one << 8) | two) ?? Number.POSITIVE_INFINITY);
}

/** Puts one byte for every occurrence of a pair. */
function join(codes: number[], rank: number): void {
  let length = 0;
  for (let index = 0; index < codes.length; index++) {
    if (rankOf(codes[index], codes[index + 1]) === rank) {
      codes[length++] = codeOf(rank);
      index++;
    } else codes[length++] = codes[index] ?? 0;
  }
  codes.length = length;
}

/** A text of which another one begins with so many characters is worth being named. */
const SHORTEST_WITHIN = 8;
const MOST_WITHIN = 254;

/** All texts one after the other, NUL-terminated; their numbers are their places in the list. */
export function encodeTexts(texts: readonly string[]): Uint8Array {
  const numbers = new Map<string, number>();
  for (const [number, text] of texts.entries()) {
    if (text.length >= SHORTEST_WITHIN && number < MOST_WITHIN && !numbers.has(text))
      numbers.set(text, number);
  }
  const bytes: number[] = [];
  for (const text of texts) {
    const start = startOf(text, numbers);
    if (start === undefined) bytes.push(...encodeText(text), 0);
    else bytes.push(TEXT_WITHIN, (numbers.get(start) ?? 0) + 1, ...encodeText(text.slice(start.length)), 0);
  }
  return Uint8Array.from(bytes);
}

/** The longest other text that this one begins with, up to a colon: what is done, before its parts. */
function startOf(text: string, numbers: ReadonlyMap<string, number>): string | undefined {
  for (let end = text.lastIndexOf(": "); end >= SHORTEST_WITHIN; end = text.lastIndexOf(": ", end - 1)) {
    const start = text.slice(0, end);
    if (numbers.has(start)) return start;
  }
  return undefined;
}

/** What the program prints, for tests. */
export function decodeText(bytes: Uint8Array, number: number): string {
  const out: number[] = [];
  const put = (code: number): void => {
    const index = code >= FIRST_PAIR ? code - FIRST_PAIR : code - FIRST_LOW_PAIR + HIGH_PAIRS;
    const pair = code >= FIRST_LITERAL && code < FIRST_PAIR ? undefined : PAIRS[index];
    if (pair === undefined) out.push(code);
    else for (const each of pair) put(each);
  };
  const expand = (which: number): void => {
    let at = 0;
    for (let left = which; left > 0; at++) if (bytes[at] === 0) left--;
    for (let code = bytes[at++] ?? 0; code !== 0; code = bytes[at++] ?? 0) {
      if (code === TEXT_WITHIN) expand((bytes[at++] ?? 0) - 1);
      else if (code === RAW) out.push(bytes[at++] ?? 0);
      else put(code);
    }
  };
  expand(number);
  return new TextDecoder().decode(Uint8Array.from(out));
}
