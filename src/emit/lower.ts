/** Steps to instructions. */
import type { Arch } from "../linux/arch.ts";
import { ERRNO } from "../linux/errno.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type {
  Argument,
  Branch,
  Buffer,
  Call,
  Compute,
  Decimal,
  Fail,
  Label,
  Load,
  Next,
  Outcome,
  Plan,
  Step,
  Store,
  Struct,
  Value,
} from "../plan/step.ts";
import type { Assembler, Operation, Register } from "./assembler.ts";
import {
  bufferPlace,
  type Data,
  integerOf,
  isSlot,
  placeBytes,
  placeStrings,
  placeStruct,
  placeText,
  refuse,
  slotNumber,
} from "./data.ts";
import { bindLabel, boundLabel, createLabel, labelOffset } from "./image.ts";
import { pipeReporter, printReporter, type Report, type Reporter } from "./report.ts";
import { emitDecimal } from "./routine.ts";

interface Lowering {
  readonly arch: Arch;
  readonly asm: Assembler;
  readonly data: Data;
  readonly reporter: Reporter;
  readonly syscalls: Readonly<Record<string, number>>;
  readonly labels: Map<string, number>;
  /** The calls that can fail; what they do then is emitted behind the path of success. */
  readonly fallible: Fallible[];
  /** The label of the guard that holds, or −1. */
  guard: number;
  /** The label of the routine; −1 when no step needs it. */
  readonly decimal: number;
}

interface Fallible {
  readonly call: Call;
  readonly index: number;
  readonly guard: number;
  /** The jump to where the failure is dealt with. */
  readonly jump: number;
  /** Where the call begins, for errnos after which it is made again; −1 when there is none. */
  readonly again: number;
  /** Where the path of success goes on, for errnos that are ignored; −1 when there is none. */
  readonly resume: number;
}

/** The calls that do not come back. */
const FINAL: Readonly<Record<string, true>> = { exit: true, exit_group: true };

const ERRNOS: Readonly<Record<string, number>> = ERRNO;

/** Emits the whole plan with the routines it needs. Throws HutchError for a plan that means nothing. */
export function lower(plan: Plan, arch: Arch, asm: Assembler, data: Data, report: Report): void {
  const { image } = data;
  // Routines come before the program, so that every call of them knows the distance.
  const needsDecimal = report.kind === "print" || plan.some((step) => step.kind === "decimal");
  const decimal = needsDecimal ? emitDecimal(asm, image) : -1;
  const reporter =
    report.kind === "print"
      ? printReporter(asm, data, arch, report.prefix, decimal)
      : pipeReporter(asm, data, arch, report.fd);
  const syscalls = SYSCALLS[arch];
  const labels = new Map<string, number>();
  const state: Lowering = { arch, asm, data, reporter, syscalls, labels, fallible: [], guard: -1, decimal };
  asm.enter();
  let index = 0;
  for (const step of plan) {
    data.step = step;
    data.index = index;
    if (step.kind === "call") lowerCall(state, step, index);
    else lowerOther(state, step, index);
    index++;
  }
  asm.integer(asm.registers.args[0], 0);
  asm.syscall(SYSCALLS[arch].exit_group);
  for (const fallible of state.fallible) {
    data.step = fallible.call;
    data.index = fallible.index;
    lowerFailure(state, fallible);
  }
  data.step = undefined;
  for (const [name, label] of labels) {
    if (labelOffset(image, label) < 0) throw refuse(data, `nothing is labelled ${name}`);
  }
  reporter.finish(longestSubject(plan));
}

/** The length of the longest string that a `subject` can be. */
function longestSubject(plan: Plan): number {
  let longest = 0;
  for (const step of plan) {
    if (step.kind !== "next") continue;
    for (const text of step.from.strings) longest = Math.max(longest, text.length);
  }
  return longest;
}

function lowerOther(state: Lowering, step: Exclude<Step, Call>, index: number): void {
  switch (step.kind) {
    case "label":
      lowerLabel(state, step);
      break;
    case "jump":
      state.asm.jump(labelOf(state, step.to));
      break;
    case "branch":
      lowerBranch(state, step);
      break;
    case "compute":
      lowerCompute(state, step);
      break;
    case "load":
      lowerLoad(state, step);
      break;
    case "store":
      lowerStore(state, step);
      break;
    case "decimal":
      lowerDecimal(state, step);
      break;
    case "next":
      lowerNext(state, step, index);
      break;
    case "guard":
      state.guard = step.to === undefined ? -1 : labelOf(state, step.to);
      break;
    case "fail":
      lowerFail(state, step, index);
      break;
  }
}

function lowerLabel(state: Lowering, step: Label): void {
  const { image } = state.data;
  const label = labelOf(state, step.name);
  if (labelOffset(image, label) >= 0) throw refuse(state.data, `label ${step.name} is there twice`);
  bindLabel(image, label);
}

function labelOf(state: Lowering, name: string): number {
  const known = state.labels.get(name);
  if (known !== undefined) return known;
  const label = createLabel(state.data.image);
  state.labels.set(name, label);
  return label;
}

function lowerCall(state: Lowering, step: Call, index: number): void {
  const { asm, data } = state;
  const { args } = asm.registers;
  const number = state.syscalls[step.name];
  // Names such as "constructor" are found on every object, but are no numbers.
  if (typeof number !== "number") throw refuse(data, `${state.arch} has no such system call`);
  if (step.args.length > 6) throw refuse(data, "a call has at most six arguments");
  const again = step.errors !== undefined && hasOutcome(step.errors, "retry") ? boundLabel(data.image) : -1;
  let position = 0;
  for (const argument of step.args) loadArgument(state, args[position++] ?? 0, argument);
  asm.syscall(number);
  if (FINAL[step.name] === true) return;
  const jump = asm.branchFailed();
  // An ignored failure joins here, so that its −errno is stored like a result.
  const resume = step.errors !== undefined && hasOutcome(step.errors, "ignore") ? boundLabel(data.image) : -1;
  if (step.into !== undefined) asm.storeSlot(slotNumber(data, step.into), asm.registers.result);
  state.fallible.push({ call: step, index, guard: state.guard, jump, again, resume });
}

function hasOutcome(errors: Readonly<Record<string, Outcome>>, outcome: Outcome): boolean {
  for (const name in errors) if (errors[name] === outcome) return true;
  return false;
}

function loadArgument(state: Lowering, to: Register, argument: Argument): void {
  const { asm, data } = state;
  if (typeof argument === "number" || typeof argument === "bigint") {
    asm.integer(to, integerOf(data, argument));
    return;
  }
  if (typeof argument === "string") {
    asm.address(to, placeText(data, argument));
    return;
  }
  switch (argument.kind) {
    case "slot":
      asm.loadSlot(to, slotNumber(data, argument));
      break;
    case "address":
      asm.slotAddress(to, slotNumber(data, argument.slot));
      break;
    case "buffer":
      asm.address(to, bufferPlace(data, argument));
      break;
    case "bytes":
      asm.address(to, placeBytes(data, argument.bytes));
      break;
    case "strings":
      asm.address(to, placeStrings(data, argument));
      break;
    case "struct":
      asm.address(to, placeStruct(data, argument));
      fillStruct(state, argument, to);
      break;
  }
}

/** Stores the slots of a struct and of those it points to. `base` holds its address, if that is known already. */
function fillStruct(state: Lowering, struct: Struct, base: Register | undefined): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  for (const field of struct.fields) {
    if (typeof field.value === "object" && field.value.kind === "struct") {
      fillStruct(state, field.value, undefined);
    }
  }
  let register = base;
  let offset = 0;
  for (const field of struct.fields) {
    if (isSlot(field.value)) {
      if (register === undefined) asm.address(pointer, placeStruct(data, struct));
      register ??= pointer;
      asm.loadSlot(value, slotNumber(data, field.value));
      asm.store(register, offset, value, field.size);
    }
    offset += field.size;
  }
}

/** What a failed call does: the listed errnos, then the report. */
function lowerFailure(state: Lowering, fallible: Fallible): void {
  const { asm } = state;
  const { call } = fallible;
  if (call.errors === undefined) asm.land(fallible.jump);
  else lowerOutcomes(state, fallible, call.errors);
  state.reporter.report({
    index: fallible.index,
    why: call.why,
    subject: call.subject,
    call: call.name,
    hints: call.hints,
    exitCode: call.exitCode,
    guard: fallible.guard,
  });
}

function lowerOutcomes(state: Lowering, fallible: Fallible, errors: Readonly<Record<string, Outcome>>): void {
  const { asm, data } = state;
  const targets: number[] = [];
  for (const name in errors) {
    const outcome = errors[name];
    if (outcome === undefined) continue;
    const errno = ERRNOS[name];
    if (typeof errno !== "number") throw refuse(data, `there is no errno ${name}`);
    if (outcome === "ignore") targets.push(errno, fallible.resume);
    else if (outcome === "retry") targets.push(errno, fallible.again);
    else targets.push(errno, failureTarget(state, fallible.call, outcome.to));
  }
  asm.land(fallible.jump);
  for (let index = 0; index < targets.length; index += 2) {
    asm.operateInteger("cmp", asm.registers.result, -(targets[index] ?? 0));
    asm.branch("eq", targets[index + 1] ?? 0);
  }
}

/** The label a listed failure goes to, by way of storing −errno where the call has a slot for its result. */
function failureTarget(state: Lowering, call: Call, to: string): number {
  const { asm, data } = state;
  const label = labelOf(state, to);
  if (call.into === undefined) return label;
  const store = boundLabel(data.image);
  asm.storeSlot(slotNumber(data, call.into), asm.registers.result);
  asm.jump(label);
  return store;
}

function lowerFail(state: Lowering, step: Fail, index: number): void {
  const { asm, guard } = state;
  asm.integer(asm.registers.result, 0);
  state.reporter.report({
    index,
    why: step.message,
    subject: undefined,
    call: "",
    hints: undefined,
    exitCode: step.exitCode,
    guard,
  });
}

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

function lowerBranch(state: Lowering, step: Branch): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  asm.loadSlot(value, slotNumber(data, step.left));
  applyValue(state, step.is === "any" ? "test" : "cmp", value, step.right);
  asm.branch(step.is, labelOf(state, step.to));
}

function lowerCompute(state: Lowering, step: Compute): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  const { op, left, right } = step;
  if (typeof left === "object" && left.kind === "buffer") {
    if (op !== "set") throw refuse(data, `${op} does not take a buffer`);
    asm.address(value, bufferPlace(data, left));
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

/** The address of the string whose number a slot of the step's own holds; the NULL behind the last resets it. */
function lowerNext(state: Lowering, step: Next, index: number): void {
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

/** Loads the address of a piece of a buffer, which must lie inside. */
function loadPlace(state: Lowering, to: Register, buffer: Buffer, offset: number, size: number): void {
  const place = bufferPlace(state.data, buffer);
  if (!Number.isInteger(offset) || offset < 0 || offset + size > buffer.size) {
    throw refuse(
      state.data,
      `bytes ${offset} to ${offset + size} lie outside the ${buffer.size} of ${buffer.name}`,
    );
  }
  state.asm.address(to, place + offset * 16);
}

function lowerLoad(state: Lowering, step: Load): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  loadPlace(state, pointer, step.from, step.offset, step.size);
  asm.load(value, pointer, 0, step.size);
  asm.storeSlot(slotNumber(data, step.into), value);
}

function lowerStore(state: Lowering, step: Store): void {
  const { asm } = state;
  const { value, pointer } = asm.registers;
  loadPlace(state, pointer, step.to, step.offset, step.size);
  loadValue(state, value, step.value);
  asm.store(pointer, 0, value, step.size);
}

/** Digits of 2^64−1 and the NUL. */
const DECIMAL_SIZE = 21;

function lowerDecimal(state: Lowering, step: Decimal): void {
  const { asm, data } = state;
  const { value } = asm.registers;
  const [end, number] = asm.registers.args;
  loadPlace(state, end, step.to, 0, DECIMAL_SIZE);
  loadValue(state, number, step.value);
  asm.call(state.decimal);
  if (step.length === undefined) return;
  asm.address(value, bufferPlace(data, step.to));
  asm.operate("sub", end, value);
  asm.storeSlot(slotNumber(data, step.length), end);
}
