/**
 * Plan → a static executable that is small: not machine code for every step, as emit/index.ts makes it, but
 * instructions of a few bytes each, and one piece of machine code that performs them. That takes longer to
 * make, and is as fast to run as far as anybody can see: a container's time is the kernel's.
 */
import type { Arch } from "../linux/arch.ts";
import { NAME } from "../plan/standalone.ts";
import type { Plan } from "../plan/step.ts";
import { createCompact, patchOf } from "./compact-code.ts";
import { tooLarge } from "./compact-constants.ts";
import { encode } from "./compact-encode.ts";
import { MEMORY, OWN, PROGRAM_OFFSET } from "./compact-format.ts";
import { pack } from "./compact-lz.ts";
import { PLACES } from "./compact-machine.ts";
import {
  CELL_SIZE,
  CELLS,
  finishTexts,
  LENGTHS,
  LITERALS,
  type PackedTexts,
  packTexts,
  RANKS,
} from "./compact-range.ts";
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

/** The cells of more could count higher than the coder takes (compact-range.ts). */
const MOST_TEXTS = 2 ** 20;

/** Never change, and so begin the texts. */
const ERRNOS = bytesOf(usualErrnoTexts());

interface Texts {
  readonly bytes: Uint8Array;
  readonly packed: PackedTexts;
}

let errnos: PackedTexts | undefined;

/** Packed already, by their words: files that differ in commands and limits have the same. */
const known = new Map<string, Texts>();
const MOST_KNOWN = 16;

/** The texts that come before the ones with values. */
function usual(texts: readonly string[]): Texts {
  const words = texts.join("\0");
  const found = known.get(words);
  if (found !== undefined) return found;
  errnos ??= packTexts(ERRNOS);
  const bytes = concat(ERRNOS, bytesOf(texts));
  const fresh = { bytes, packed: packTexts(bytes, errnos) };
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(words, fresh);
  return fresh;
}

function packAll(texts: readonly string[], firstValue: number): { size: number; packed: Uint8Array } {
  const { bytes, packed } = usual(texts.slice(0, firstValue));
  const all = concat(bytes, bytesOf(texts.slice(firstValue)));
  if (all.length > MOST_TEXTS) throw tooLarge("texts");
  return { size: all.length, packed: finishTexts(all, packed) };
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
  const texts = packAll(encoded, firstValue);
  // Behind a byte of zero.
  const errnos = program.length + memorySize + 1;
  const line = errnos + texts.size;
  const cells = (line + LINE_SIZE + 7) & ~7;
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
      [PLACES.errnos, reference(BUFFERS, errnos)],
      [PLACES.texts, reference(BUFFERS, errnos + ERRNOS.length)],
      [PLACES.line, reference(BUFFERS, line)],
      [PLACES.kinds, reference(BUFFERS, cells)],
      [PLACES.ranks, reference(BUFFERS, cells + RANKS * CELL_SIZE)],
      [PLACES.lengths, reference(BUFFERS, cells + LENGTHS * CELL_SIZE)],
      [PLACES.literals, reference(BUFFERS, cells + LITERALS * CELL_SIZE)],
    ]),
  );
  image.blobs.push(concat(packed, texts.packed));
  image.bytesSize = packed.length + texts.packed.length;
  image.buffersSize = cells + CELLS * CELL_SIZE;
  return writeElf(image, arch, { notes: note }, patchOf(arch), MEMORY);
}
