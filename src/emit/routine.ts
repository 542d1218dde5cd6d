/** Routines that steps and the reporter share. */
import type { Assembler } from "./assembler.ts";
import { boundLabel, type Image } from "./image.ts";

/**
 * Writes the second argument, unsigned, in decimal digits and a NUL to where the first points, and leaves the
 * first at the NUL. Destroys the first four arguments and scratch. Gives the label.
 */
export function emitDecimal(asm: Assembler, image: Image): number {
  const { args, value, pointer, remainder } = asm.registers;
  const [end, number, , at] = args;
  const ten = pointer;
  const label = boundLabel(image);
  asm.integer(ten, 10);

  asm.move(value, number);
  const count = boundLabel(image);
  asm.operateInteger("add", end, 1);
  asm.divide(ten);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", count);

  asm.integer(remainder, 0);
  asm.store(end, 0, remainder, 1);
  asm.move(at, end);
  asm.move(value, number);
  const digit = boundLabel(image);
  asm.divide(ten);
  asm.operateInteger("add", remainder, "0".charCodeAt(0));
  asm.operateInteger("sub", at, 1);
  asm.store(at, 0, remainder, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", digit);
  asm.return();
  return label;
}

/**
 * Copies the NUL-terminated bytes at the second argument to the first, and leaves the first at the NUL.
 * Destroys the second and `value`. Gives the label.
 */
export function emitAppend(asm: Assembler, image: Image): number {
  const { args, value } = asm.registers;
  const [to, from] = args;
  const label = boundLabel(image);
  asm.load(value, from, 0, 1);
  asm.store(to, 0, value, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", label);
  asm.operateInteger("sub", to, 1);
  asm.return();
  return label;
}
