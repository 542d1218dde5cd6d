/** Plan → a static ELF executable that performs it, without libc. */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import type { Assembler } from "./assembler.ts";
import { createData } from "./data.ts";
import { type Note, writeElf } from "./elf.ts";
import { createImage, type Image, type Patch } from "./image.ts";
import { lower } from "./lower.ts";
import { pipeReporter, printReporter, type Report } from "./report.ts";
import { createX86, patchX86 } from "./x86_64.ts";

export type { Note } from "./elf.ts";
export type { Report } from "./report.ts";

export interface EmitOptions {
  readonly arch: Arch;
  readonly report: Report;
  /** Stored in the file, not loaded into memory. */
  readonly note?: readonly Note[];
}

interface Encoding {
  readonly create: (image: Image) => Assembler;
  readonly patch: Patch;
}

/** From short to far-reaching: the next is taken when a program is too large for the one before. */
const ENCODINGS: Readonly<Record<Arch, readonly Encoding[]>> = {
  x86_64: [{ create: createX86, patch: patchX86 }],
  aarch64: [
    { create: (image) => createAarch64(image, false), patch: patchAarch64 },
    { create: (image) => createAarch64(image, true), patch: patchAarch64 },
  ],
};

/**
 * The bytes of an executable for `arch` that performs the plan step by step. A plan that cannot mean anything
 * (missing or doubled labels, unknown names, one buffer in two sizes, integers that do not fit) is a HutchError.
 */
export function emit(plan: Plan, options: EmitOptions): Uint8Array<ArrayBuffer> {
  const { arch, report } = options;
  for (const { create, patch } of ENCODINGS[arch]) {
    const image = createImage();
    const asm = create(image);
    const data = createData(image);
    const reporter =
      report.kind === "print"
        ? printReporter(asm, data, arch, report.prefix)
        : pipeReporter(asm, data, arch, report.fd);
    lower(plan, arch, asm, data, reporter);
    const file = writeElf(image, arch, options.note ?? [], patch);
    if (file !== undefined) return file;
  }
  throw new HutchError({ operation: "emit program", reason: `the plan is too large for ${arch}` });
}
