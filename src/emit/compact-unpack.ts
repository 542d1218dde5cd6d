/** The machine code that undoes the packing of compact-lz.ts. */
import type { Assembler, Register } from "./assembler.ts";
import { FAR, LENGTHS, LONGEST_LENGTH, LONGEST_LITERALS, REPEAT, SHORTEST } from "./compact-lz.ts";
import { bindLabel, boundLabel, createLabel, type Image } from "./image.ts";

/**
 * A routine: unpacks what is at the second argument to where the first points. Destroys all arguments and
 * `value`. Gives its label.
 */
export function emitUnpack(asm: Assembler, image: Image): number {
  const { args, value } = asm.registers;
  const [to, from, count, distance, token, source] = args;
  const takeByte = (register: Register): void => {
    asm.load(register, from, 0, 1);
    asm.operateInteger("add", from, 1);
  };
  /** The largest count is followed by a byte that is added to it. */
  const addRest = (largest: number): void => {
    const whole = createLabel(image);
    asm.operateInteger("cmp", count, largest);
    asm.branch("ne", whole);
    takeByte(value);
    asm.operate("add", count, value);
    bindLabel(image, whole);
  };
  const copyBytes = (start: Register): void => {
    const more = boundLabel(image);
    asm.load(value, start, 0, 1);
    asm.store(to, 0, value, 1);
    asm.operateInteger("add", start, 1);
    asm.operateInteger("add", to, 1);
    asm.operateInteger("sub", count, 1);
    asm.operateInteger("cmp", count, 0);
    asm.branch("ne", more);
  };
  const [copied, near, known, noCopy] = [
    createLabel(image),
    createLabel(image),
    createLabel(image),
    createLabel(image),
  ];
  const next = boundLabel(image);
  takeByte(token);
  asm.move(count, token);
  asm.shiftRight(count, 4);
  asm.operateInteger("and", count, LONGEST_LITERALS);
  addRest(LONGEST_LITERALS);
  asm.operateInteger("cmp", count, 0);
  asm.branch("eq", copied);
  copyBytes(from);
  bindLabel(image, copied);
  asm.move(count, token);
  asm.operateInteger("and", count, LENGTHS);
  asm.operateInteger("cmp", count, 0);
  asm.branch("eq", noCopy);
  asm.operateInteger("cmp", token, REPEAT);
  asm.branch("ge", known);
  takeByte(distance);
  asm.operateInteger("cmp", distance, FAR);
  asm.branch("lt", near);
  takeByte(value);
  asm.operateInteger("sub", distance, FAR);
  asm.shiftLeft(distance, 8);
  asm.operate("add", distance, value);
  bindLabel(image, near);
  asm.operateInteger("add", distance, 1);
  bindLabel(image, known);
  addRest(LONGEST_LENGTH);
  asm.operateInteger("add", count, SHORTEST - 1);
  asm.move(source, to);
  asm.operate("sub", source, distance);
  copyBytes(source);
  asm.jump(next);
  bindLabel(image, noCopy);
  asm.operateInteger("cmp", token, REPEAT);
  asm.branch("lt", next);
  asm.return();
  return next;
}
