/**
 * Plan → a static executable that is small: not machine code for every step, as emit/index.ts makes it, but
 * instructions of a few bytes each, and one piece of machine code that performs them. That takes longer to
 * make, and is as fast to run as far as anybody can see: a container's time is the kernel's.
 */
import type { Arch } from "../linux/arch.ts";
import { NAME } from "../plan/standalone.ts";
import type { Plan } from "../plan/step.ts";
import { createCompact, patchOf } from "./compact-code.ts";
import { encode } from "./compact-encode.ts";
import { MEMORY, OWN, PROGRAM_OFFSET } from "./compact-format.ts";
import { pack } from "./compact-lz.ts";
import { PLACES } from "./compact-machine.ts";
import { type Search, search } from "./compact-parse.ts";
import { type Note, writeElf } from "./elf.ts";
import { usualErrnoTexts } from "./errno-texts.ts";
import { BUFFERS, BYTES, type Reference, reference, SLOTS } from "./image.ts";
import { emit } from "./index.ts";

export interface CompactOptions {
  readonly arch: Arch;
  /** What messages begin with, unless the plan has found a name. */
  readonly name: string;
  readonly note?: readonly Note[];
  /** False leaves out what a person could do about failures. */
  readonly hints: boolean;
}

/** In the order of OWN_TEXTS, behind the name. */
const TEXTS = ["; hint: ", "errno "] as const;

/** Room for two arguments of the program, which cannot be measured, beside the texts. */
const LINE_SIZE = 16384;

function concat(one: Uint8Array, two: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  return both;
}

const bytesOf = (texts: readonly string[]): Uint8Array =>
  new TextEncoder().encode(texts.map((text) => `${text}\0`).join(""));

/** Never changes, and so begins the texts. */
const ERRNOS = bytesOf(usualErrnoTexts());

/** Looked through already, by their words: files that differ in commands and limits have the same. */
const known = new Map<string, { readonly bytes: Uint8Array; readonly begun: Search }>();
const MOST_KNOWN = 16;

/** The texts that come before the ones with values. */
function usual(texts: readonly string[]) {
  const words = texts.join("\0");
  const found = known.get(words);
  if (found !== undefined) return found;
  const bytes = concat(ERRNOS, bytesOf(texts));
  const fresh = { bytes, begun: search(bytes) };
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(words, fresh);
  return fresh;
}

function packTexts(texts: readonly string[], firstValue: number): { size: number; packed: Uint8Array } {
  const { bytes, begun } = usual(texts.slice(0, firstValue));
  const all = concat(bytes, bytesOf(texts.slice(firstValue)));
  return { size: all.length, packed: pack(all, begun) };
}

/**
 * The bytes of the executable. Throws HutchError for a plan that means nothing; one that is too large for the
 * form becomes machine code.
 */
export function emitCompact(plan: Plan, options: CompactOptions): Uint8Array<ArrayBuffer> {
  const { arch, name, note = [] } = options;
  return attempt(plan, options) ?? emit(plan, { arch, report: { kind: "print", prefix: name }, note });
}

function attempt(plan: Plan, options: CompactOptions): Uint8Array<ArrayBuffer> | undefined {
  try {
    return compact(plan, options);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function compact(
  plan: Plan,
  { arch, name, note = [], hints }: CompactOptions,
): Uint8Array<ArrayBuffer> | undefined {
  const {
    program,
    texts: encoded,
    firstValue,
    memorySize,
    calls,
    guards,
    guardsEnd,
  } = encode(plan, arch, [name, ...TEXTS], hints, new Map([[NAME.name, OWN.name]]));
  const texts = packTexts(encoded, firstValue);
  const memory = program.length + memorySize;
  const line = memory + texts.size;
  const place = (offset: number): Reference => reference(SLOTS, PROGRAM_OFFSET + offset);
  const packed = pack(program);
  const image = createCompact(
    arch,
    new Map([
      [PLACES.packed, reference(BYTES, 0)],
      [PLACES.packedTexts, reference(BYTES, packed.length)],
      [PLACES.calls, place(calls)],
      [PLACES.guards, place(guards)],
      [PLACES.guardsEnd, place(guardsEnd)],
      [PLACES.errnos, reference(BUFFERS, memory)],
      [PLACES.texts, reference(BUFFERS, memory + ERRNOS.length)],
      [PLACES.line, reference(BUFFERS, line)],
    ]),
  );
  image.blobs.push(concat(packed, texts.packed));
  image.bytesSize = packed.length + texts.packed.length;
  image.buffersSize = line + LINE_SIZE;
  return writeElf(image, arch, { notes: note }, patchOf(arch), MEMORY);
}
