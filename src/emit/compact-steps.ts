/** The machine code of the instructions that work on slots and memory. */
import type { Register } from "./assembler.ts";
import { GIVEN_ARGUMENTS, GIVEN_ENVIRONMENT, OP, OWN } from "./compact-format.ts";
import { goOn, type Machine, only, take, takeSlot } from "./compact-machine.ts";
import { bindLabel, boundLabel, createLabel } from "./image.ts";

/** set, add, sub, and, or, shl, shr: a slot, and one or two operands. `op` holds the opcode. */
export function emitCompute(machine: Machine, op: Register): void {
  const { asm, image, next, operand } = machine;
  const { args, value } = asm.registers;
  const [left, , , , into] = args;
  const done = createLabel(image);
  takeSlot(machine, into);
  asm.call(operand);
  asm.move(left, value);
  asm.operateInteger("cmp", op, 0);
  asm.branch("eq", done);
  asm.call(operand);
  for (const [code, operation] of [
    [OP.add, "add"],
    [OP.sub, "sub"],
    [OP.and, "and"],
    [OP.or, "or"],
  ] as const) {
    only(machine, op, "ne", code - OP.set, () => {
      asm.operate(operation, left, value);
      asm.jump(done);
    });
  }
  // By one place at a time: there is no shift by a register.
  for (const [code, shift] of [
    [OP.shl, asm.shiftLeft],
    [OP.shr, asm.shiftRight],
  ] as const) {
    only(machine, op, "ne", code - OP.set, () => {
      const again = boundLabel(image);
      asm.operateInteger("cmp", value, 0);
      asm.branch("eq", done);
      shift(left, 1);
      asm.operateInteger("sub", value, 1);
      asm.jump(again);
    });
  }
  bindLabel(image, done);
  asm.store(into, 0, left, 8);
  asm.jump(next);
}

/** Two operands and a place. */
export function emitBranch(machine: Machine, op: Register): void {
  const { asm, image, next, operand } = machine;
  const { args, value } = asm.registers;
  const [left, target] = args;
  asm.call(operand);
  asm.move(left, value);
  asm.call(operand);
  take(machine, target, 2);
  const yes = createLabel(image);
  for (const [code, comparison, flag] of [
    [OP.eq, "cmp", "eq"],
    [OP.ne, "cmp", "ne"],
    [OP.lt, "cmp", "lt"],
    [OP.ge, "cmp", "ge"],
    [OP.any, "test", "any"],
  ] as const) {
    only(machine, op, "ne", code - OP.set, () => {
      asm.operate(comparison, left, value);
      asm.branch(flag, yes);
    });
  }
  asm.jump(next);
  bindLabel(image, yes);
  goOn(machine, target);
}

/** A slot, the operand of an address, and that of an offset. */
export function emitLoad(machine: Machine, op: Register): void {
  const { asm, image, next, operand } = machine;
  const { args, value } = asm.registers;
  const [address, , , , into] = args;
  takeSlot(machine, into);
  asm.call(operand);
  asm.move(address, value);
  asm.call(operand);
  asm.operate("add", address, value);
  const loaded = createLabel(image);
  for (const [code, size] of [
    [OP.load1, 1],
    [OP.load2, 2],
    [OP.load4, 4],
  ] as const) {
    only(machine, op, "ne", code - OP.set, () => {
      asm.load(value, address, 0, size);
      asm.jump(loaded);
    });
  }
  asm.load(value, address, 0, 8);
  bindLabel(image, loaded);
  asm.store(into, 0, value, 8);
  asm.jump(next);
}

/** The operands of an address, an offset and a value. */
export function emitStore(machine: Machine, op: Register): void {
  const { asm, next, operand } = machine;
  const { args, value } = asm.registers;
  const [address] = args;
  asm.call(operand);
  asm.move(address, value);
  asm.call(operand);
  asm.operate("add", address, value);
  asm.call(operand);
  for (const [code, size] of [
    [OP.store1, 1],
    [OP.store2, 2],
    [OP.store4, 4],
  ] as const) {
    only(machine, op, "ne", code - OP.set, () => {
      asm.store(address, 0, value, size);
      asm.jump(next);
    });
  }
  asm.store(address, 0, value, 8);
  asm.jump(next);
}

/** The operands of an address and a number, and the slot of the length. */
export function emitDigits(machine: Machine): void {
  const { asm, next, operand, decimal, begin } = machine;
  const { args, value } = asm.registers;
  const [address, number] = args;
  asm.call(operand);
  asm.move(address, value);
  // Not needed by a step that cannot fail.
  asm.move(begin, value);
  asm.call(operand);
  asm.move(number, value);
  asm.call(decimal);
  asm.operate("sub", address, begin);
  takeSlot(machine, value);
  asm.store(value, 0, address, 8);
  asm.jump(next);
}

/** A slot, the slot that keeps the place, the operand of the list's address, and the place after its end. */
export function emitNext(machine: Machine): void {
  const { asm, image, next, operand } = machine;
  const { args, value } = asm.registers;
  const [at, , byte, target, into, state] = args;
  takeSlot(machine, into);
  takeSlot(machine, state);
  asm.call(operand);
  take(machine, target, 2);
  asm.load(at, state, 0, 8);
  only(machine, at, "ne", 0, () => asm.move(at, value));
  asm.load(byte, at, 0, 1);
  const going = createLabel(image);
  asm.operateInteger("cmp", byte, 0);
  asm.branch("ne", going);
  asm.store(state, 0, byte, 8);
  asm.store(into, 0, byte, 8);
  goOn(machine, target);
  bindLabel(image, going);
  asm.store(into, 0, at, 8);
  const skip = boundLabel(image);
  asm.load(byte, at, 0, 1);
  asm.operateInteger("add", at, 1);
  asm.operateInteger("cmp", byte, 0);
  asm.branch("ne", skip);
  asm.store(state, 0, at, 8);
  asm.jump(next);
}

/** A slot, and what is wanted of what execve(2) has left on the stack. */
export function emitGiven(machine: Machine): void {
  const { asm, image, next } = machine;
  const { args, value, pointer } = asm.registers;
  const [what, count, , , into] = args;
  const done = createLabel(image);
  takeSlot(machine, into);
  take(machine, what, 1);
  asm.loadSlot(pointer, OWN.start);
  asm.load(count, pointer, 0, 8);
  asm.move(value, pointer);
  asm.operateInteger("add", value, 8);
  asm.operateInteger("cmp", what, GIVEN_ARGUMENTS);
  asm.branch("eq", done);
  only(machine, what, "ne", GIVEN_ENVIRONMENT, () => {
    asm.shiftLeft(count, 3);
    asm.operate("add", value, count);
    asm.operateInteger("add", value, 8);
    asm.jump(done);
  });
  asm.move(pointer, value);
  asm.integer(value, 0);
  asm.operate("cmp", what, count);
  asm.branch("ge", done);
  asm.shiftLeft(what, 3);
  asm.operate("add", pointer, what);
  asm.load(value, pointer, 0, 8);
  bindLabel(image, done);
  asm.store(into, 0, value, 8);
  asm.jump(next);
}
