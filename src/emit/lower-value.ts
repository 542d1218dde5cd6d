/** Steps that work on slots and buffers to instructions. */
import type {
  Branch,
  Buffer,
  Compute,
  Decimal,
  Enter,
  Given,
  Load,
  Next,
  Slot,
  Store,
  Value,
} from "../plan/step.ts";
import type { Operation, Register } from "./assembler.ts";
import { bufferPlace, integerOf, placeText, refuse, slotNumber } from "./data.ts";
import { bindLabel, createLabel } from "./image.ts";
import { type Lowering, labelOf } from "./lowering.ts";
import { placeMemory, placeStrings } from "./struct.ts";

function loadValue(state: Lowering, to: Register, value: Value): void {
  if (typeof value === "object") state.asm.loadSlot(to, slotNumber(state.data, value));
  else state.asm.integer(to, integerOf(state.data, value));
}

/** `register = register op right`. */
function applyValue(state: Lowering, op: Operation, register: Register, right: Value): void {
  const { asm, data } = state;
  if (typeof right !== "object") {
    asm.operateInteger(op, register, integerOf(data, right));
    return;
  }
  asm.loadSlot(asm.registers.pointer, slotNumber(data, right));
  asm.operate(op, register, asm.registers.pointer);
}

export function lowerBranch(state: Lowering, step: Branch): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  asm.loadSlot(value, slotNumber(data, step.left));
  applyValue(state, step.is === "any" ? "test" : "cmp", value, step.right);
  asm.branch(step.is, labelOf(state, step.to));
}

export function lowerCompute(state: Lowering, step: Compute): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  const { op, left, right } = step;
  if (typeof left === "string" || (typeof left === "object" && left.kind !== "slot")) {
    if (op !== "set") throw refuse(data, `${op} does not take an address`);
    asm.address(value, typeof left === "string" ? placeText(data, left) : placeMemory(data, left));
  } else loadValue(state, value, left);
  if (op !== "set") {
    if (right === undefined) throw refuse(data, `${op} has no right side`);
    if (op === "shl" || op === "shr") lowerShift(state, op, right);
    else applyValue(state, op, value, right);
  }
  asm.storeSlot(slotNumber(data, step.into), value);
}

function lowerShift(state: Lowering, op: "shl" | "shr", right: Value): void {
  const { asm, data } = state;
  const count = typeof right === "object" ? -1 : Number(right);
  if (!Number.isInteger(count) || count < 0 || count > 63) {
    throw refuse(data, "a shift takes a constant from 0 to 63");
  }
  if (op === "shl") asm.shiftLeft(asm.registers.value, count);
  else asm.shiftRight(asm.registers.value, count);
}

/** Where execve(2) has put argc, the addresses of the arguments, NULL, and those of the environment. */
const START: Slot = { kind: "slot", name: "stack at the start" };
const POINTER_SIZE = 8;
/** The function that a program has to call at its end, or 0: a dynamic linker leaves it to who comes next. */
const AT_EXIT: Slot = { kind: "slot", name: "function to call at the end" };

/** At the start of the program: keeps the place of what it was given. */
export function keepStart({ asm, data }: Lowering): void {
  const { value, atExit } = asm.registers;
  asm.storeSlot(slotNumber(data, AT_EXIT), atExit);
  asm.stackPointer(value);
  asm.storeSlot(slotNumber(data, START), value);
}

/** The stack pointer is where it was, unless it is set: routines return, and nothing else moves it. */
export function lowerEnter({ asm, data }: Lowering, step: Enter): void {
  const { value, pointer, atExit } = asm.registers;
  if (step.stack !== undefined) {
    asm.loadSlot(value, slotNumber(data, step.stack));
    asm.setStackPointer(value);
  }
  asm.loadSlot(pointer, slotNumber(data, step.at));
  asm.loadSlot(atExit, slotNumber(data, AT_EXIT));
  asm.jumpTo(pointer);
}

export function lowerGiven(state: Lowering, step: Given): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  const present = createLabel(data.image);
  const taken = createLabel(data.image);
  asm.loadSlot(pointer, slotNumber(data, START));
  asm.load(value, pointer, 0, POINTER_SIZE);
  if (step.what === "arguments") {
    asm.move(value, pointer);
    asm.operateInteger("add", value, POINTER_SIZE);
  } else if (step.what === "environment") {
    asm.shiftLeft(value, 3);
    asm.operate("add", value, pointer);
    asm.operateInteger("add", value, 2 * POINTER_SIZE);
  } else {
    asm.operateInteger("cmp", value, step.what);
    asm.branch("gt", present);
    asm.integer(value, 0);
    asm.jump(taken);
    bindLabel(data.image, present);
    asm.load(value, pointer, (step.what + 1) * POINTER_SIZE, POINTER_SIZE);
    bindLabel(data.image, taken);
  }
  asm.storeSlot(slotNumber(data, step.into), value);
}

/** How many strings were taken is in a slot of the step's own; the NULL behind the last resets it. */
export function lowerNext(state: Lowering, step: Next, index: number): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  const taken = slotNumber(data, { kind: "slot", name: `taken by step ${index}` });
  const going = createLabel(data.image);
  asm.loadSlot(value, taken);
  asm.shiftLeft(value, 3);
  asm.address(pointer, placeStrings(data, step.from));
  asm.operate("add", pointer, value);
  asm.load(pointer, pointer, 0, 8);
  asm.storeSlot(slotNumber(data, step.into), pointer);
  asm.operateInteger("cmp", pointer, 0);
  asm.branch("ne", going);
  asm.integer(value, 0);
  asm.storeSlot(taken, value);
  asm.jump(labelOf(state, step.done));
  bindLabel(data.image, going);
  asm.loadSlot(value, taken);
  asm.operateInteger("add", value, 1);
  asm.storeSlot(taken, value);
}

/**
 * Loads the address of a piece of a buffer, which must lie inside; or the address in a slot. Gives the offset
 * that is still to be added.
 */
function loadPlace(
  state: Lowering,
  to: Register,
  buffer: Buffer | Slot,
  offset: number,
  size: number,
): number {
  if (buffer.kind === "slot") {
    state.asm.loadSlot(to, slotNumber(state.data, buffer));
    return offset;
  }
  const place = bufferPlace(state.data, buffer);
  if (!Number.isInteger(offset) || offset < 0 || offset + size > buffer.size) {
    throw refuse(
      state.data,
      `bytes ${offset} to ${offset + size} lie outside the ${buffer.size} of ${buffer.name}`,
    );
  }
  state.asm.address(to, place + offset * 16);
  return 0;
}

export function lowerLoad(state: Lowering, step: Load): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  const offset = loadPlace(state, pointer, step.from, step.offset, step.size);
  asm.load(value, pointer, offset, step.size);
  asm.storeSlot(slotNumber(data, step.into), value);
}

export function lowerStore(state: Lowering, step: Store): void {
  const { asm } = state;
  const { value, pointer } = asm.registers;
  const offset = loadPlace(state, pointer, step.to, step.offset, step.size);
  loadValue(state, value, step.value);
  asm.store(pointer, offset, value, step.size);
}

/** Digits of 2^64−1 and the NUL. */
const DECIMAL_SIZE = 21;

export function lowerDecimal(state: Lowering, step: Decimal): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  const [end, number] = asm.registers.args;
  loadPlace(state, end, step.to, 0, DECIMAL_SIZE);
  loadValue(state, number, step.value);
  asm.callRoutine(state.reporter.decimal);
  if (step.length === undefined) return;
  loadPlace(state, value, step.to, 0, DECIMAL_SIZE);
  asm.operate("sub", end, value);
  asm.storeSlot(slotNumber(data, step.length), end);
}
