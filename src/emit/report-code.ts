/**
 * The routines that every program has: the reporter and what it calls. They do not depend on the plan, so
 * they are assembled once for all: scripts/generate-routines.ts writes them to routines.ts.
 */
import type { Arch } from "../linux/arch.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import { CODE, createImage, FIXUP, type Image, LABEL, labelOffset, ROUTINES, resolve } from "./image.ts";
import { emitPipe } from "./report-pipe.ts";
import { emitPrint, PRINT_TEXTS } from "./report-print.ts";
import { emitDecimal } from "./routine.ts";
import { createX86, patchX86 } from "./x86_64.ts";

/** Assembled routines, for a program that has `texts` at the start of its TEXT. */
export interface Routines {
  /** The bytes, in base64. */
  readonly code: string;
  /** Place (in ROUTINES), kind, target; and again. */
  readonly fixups: readonly number[];
  readonly texts: string;
  /** Offsets of what is called. */
  readonly report: number;
  readonly decimal: number;
}

/** Assembles the routines for one way of reporting. */
export function assembleRoutines(arch: Arch, kind: "print" | "pipe"): Routines {
  const image = createImage(arch === "x86_64" ? 1 : 4);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, true);
  const decimal = emitDecimal(asm, image);
  const report = kind === "print" ? emitPrint(asm, image, arch, decimal) : emitPipe(asm, image, arch);
  return {
    ...linkRoutines(image, arch),
    texts: kind === "print" ? PRINT_TEXTS : "",
    report: labelOffset(image, report),
    decimal: labelOffset(image, decimal),
  };
}

/** Fills in the jumps, which stay inside, and leaves the addresses of data to the program. */
function linkRoutines(image: Image, arch: Arch): Pick<Routines, "code" | "fixups"> {
  const addresses: number[] = [];
  const jumps: number[] = [];
  for (let index = 0; index < image.fixups.length; index += FIXUP) {
    const [place = 0, type = 0, target = 0] = image.fixups.slice(index, index + FIXUP);
    if ((target & 15) === LABEL) jumps.push(place, type, target);
    else addresses.push(place - CODE + ROUTINES, type, target);
  }
  const bytes = new Uint8Array(image.code.length * image.unit);
  if (image.unit === 1) bytes.set(image.code);
  else new Int32Array(bytes.buffer).set(image.code);
  const patch = arch === "x86_64" ? patchX86 : patchAarch64;
  resolve(image, jumps, new DataView(bytes.buffer), { offsets: [0], addresses: [0] }, patch);
  return { code: bytes.toBase64(), fixups: addresses };
}
