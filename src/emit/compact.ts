/**
 * Plan → a static executable that is small: not machine code for every step, as emit/index.ts makes it, but
 * instructions of a few bytes each, and one piece of machine code that performs them. That takes longer to
 * make, and is as fast to run as far as anybody can see: a container's time is the kernel's.
 */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import { NAME } from "../plan/standalone.ts";
import type { Plan } from "../plan/step.ts";
import { createCompact } from "./compact-code.ts";
import { encode } from "./compact-encode.ts";
import { MEMORY, OWN, TEXT_STACK } from "./compact-format.ts";
import { pack } from "./compact-lz.ts";
import { encodeTexts, pairBytes } from "./compact-text.ts";
import { type Note, writeElf } from "./elf.ts";
import { usualErrnoTexts } from "./errno-texts.ts";
import { BUFFERS, BYTES, type Image, reference } from "./image.ts";
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

/** Appends a constant of the file. */
function addBlob(image: Image, bytes: Uint8Array): number {
  const place = reference(BYTES, image.bytesSize);
  image.blobs.push(bytes);
  image.bytesSize += (bytes.length + 7) & ~7;
  return place;
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
  const { program, texts, memorySize, ...places } = encode(
    plan,
    arch,
    [name, ...TEXTS],
    hints,
    new Map([[NAME.name, OWN.name]]),
  );
  const packed = pack(program);
  const errnos = usualErrnoTexts();
  const { image, patch } = createCompact(arch, (empty) => {
    const start = addBlob(empty, packed);
    const memory = program.length + memorySize;
    empty.buffersSize = memory + TEXT_STACK + LINE_SIZE;
    return {
      ...places,
      packed: start,
      packedEnd: start + reference(0, packed.length),
      texts: addBlob(empty, encodeTexts([...texts, ...errnos])),
      pairs: addBlob(empty, pairBytes()),
      first: 2,
      firstErrno: texts.length,
      lastErrno: errnos.length,
      stack: reference(BUFFERS, memory),
      line: reference(BUFFERS, memory + TEXT_STACK),
      exitGroup: SYSCALLS[arch].exit_group,
      write: SYSCALLS[arch].write,
    };
  });
  return writeElf(image, arch, { notes: note }, patch, MEMORY);
}
