/** Routines that steps and the reporter share; each is part of the program only when something calls it. */
import type { Assembler } from "./assembler.ts";
import { bindLabel, createLabel, type Image } from "./image.ts";

/**
 * `decimal`: writes the second argument, unsigned, in decimal digits and a NUL to where the first points, and
 * leaves the first at the NUL. Destroys the first four arguments and scratch.
 */
export function emitDecimal(asm: Assembler, image: Image, label: number): void {
  const { args, value, pointer, remainder } = asm.registers;
  const [end, number, , at] = args;
  const ten = pointer;
  bindLabel(image, label);
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
}

/**
 * `append`: copies the NUL-terminated bytes at the second argument to the first, and leaves the first at the
 * NUL. Destroys the second and `value`.
 */
export function emitAppend(asm: Assembler, image: Image, label: number): void {
  const { args, value } = asm.registers;
  const [to, from] = args;
  bindLabel(image, label);
  const next = boundLabel(image);
  asm.load(value, from, 0, 1);
  asm.store(to, 0, value, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", next);
  asm.operateInteger("sub", to, 1);
  asm.return();
}

/** A label bound here: the head of a loop. */
export function boundLabel(image: Image): number {
  const label = createLabel(image);
  bindLabel(image, label);
  return label;
}
