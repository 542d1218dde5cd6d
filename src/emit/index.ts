/** Plan → a static ELF executable that performs it, without libc. */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import { createData } from "./data.ts";
import { type Note, writeElf } from "./elf.ts";
import { createImage } from "./image.ts";
import { lower } from "./lower.ts";
import type { Report } from "./report.ts";
import { createX86, patchX86 } from "./x86_64.ts";

export type { Note } from "./elf.ts";
export type { Report } from "./report.ts";

export interface EmitOptions {
  readonly arch: Arch;
  readonly report: Report;
  /** The address where the program begins, a multiple of the largest page; 4 MiB when it is not given. */
  readonly base?: number;
  /** Stored in the file, not loaded into memory. */
  readonly note?: readonly Note[];
}

/**
 * The bytes of an executable for `arch` that performs the plan step by step. A plan that cannot mean anything
 * is a HutchError: missing or doubled labels, unknown names, one buffer in two sizes, integers that do not
 * fit.
 */
export function emit(plan: Plan, options: EmitOptions): Uint8Array<ArrayBuffer> {
  const file =
    attempt(plan, options, false) ?? (options.arch === "aarch64" ? attempt(plan, options, true) : undefined);
  if (file !== undefined) return file;
  throw new HutchError({ operation: "emit program", reason: `the plan is too large for ${options.arch}` });
}

/** The file, or undefined when code cannot reach its data. `far` programs reach further, and are larger. */
function attempt(plan: Plan, options: EmitOptions, far: boolean): Uint8Array<ArrayBuffer> | undefined {
  const { arch, report } = options;
  const image = createImage(arch === "x86_64" ? 1 : 4);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, far);
  lower(plan, arch, asm, createData(image), report);
  const where = { notes: options.note ?? [], ...(options.base === undefined ? {} : { base: options.base }) };
  return writeElf(image, arch, where, arch === "x86_64" ? patchX86 : patchAarch64);
}
