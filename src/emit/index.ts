/** Plan → a static ELF executable that performs it, without libc. */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import { createData } from "./data.ts";
import { type Note, type Obstacle, writeElf } from "./elf.ts";
import { createImage } from "./image.ts";
import { lower } from "./lower.ts";
import type { Report } from "./report.ts";
import { createX86, patchX86 } from "./x86_64.ts";

export type { Note } from "./elf.ts";
export type { Report } from "./report.ts";

export interface EmitOptions {
  readonly arch: Arch;
  readonly report: Report;
  /** Stored in the file, not loaded into memory. */
  readonly note?: readonly Note[];
}

/** What is assumed first, because it is nearly always true, and given up when it is not. */
interface Assumptions {
  readonly isAscii: boolean;
  readonly isNear: boolean;
}

/**
 * The bytes of an executable for `arch` that performs the plan step by step. A plan that cannot mean anything is
 * a HutchError: missing or doubled labels, unknown names, one buffer in two sizes, integers that do not fit.
 */
export function emit(plan: Plan, options: EmitOptions): Uint8Array<ArrayBuffer> {
  let assumptions: Assumptions = { isAscii: true, isNear: options.arch === "aarch64" };
  for (;;) {
    const file = attempt(plan, options, assumptions);
    if (file === "text" && assumptions.isAscii) assumptions = { ...assumptions, isAscii: false };
    else if (file === "reach" && assumptions.isNear) assumptions = { ...assumptions, isNear: false };
    else if (typeof file !== "string") return file;
    else
      throw new HutchError({
        operation: "emit program",
        reason: `the plan is too large for ${options.arch}`,
      });
  }
}

function attempt(
  plan: Plan,
  options: EmitOptions,
  assumptions: Assumptions,
): Uint8Array<ArrayBuffer> | Obstacle {
  const { arch, report } = options;
  const image = createImage(arch === "x86_64" ? 1 : 4);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, !assumptions.isNear);
  lower(plan, arch, asm, createData(image, !assumptions.isAscii), report);
  return writeElf(image, arch, options.note ?? [], arch === "x86_64" ? patchX86 : patchAarch64);
}
