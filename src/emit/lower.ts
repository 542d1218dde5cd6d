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
  placeOf,
  placeStruct,
  refuse,
  slotNumber,
} from "./data.ts";
import { bindLabel, createLabel, labelOffset } from "./image.ts";
import type { Reporter } from "./report.ts";
import { boundLabel, emitDecimal } from "./routine.ts";

interface Lowering {
  readonly arch: Arch;
  readonly asm: Assembler;
  readonly data: Data;
  readonly reporter: Reporter;
  readonly labels: Map<string, number>;
  /** The calls that can fail; what they do then is emitted behind the path of success. */
  readonly fallible: Fallible[];
  /** The label of the guard that holds, or −1. */
  guard: number;
  /** The label of the routine, or −1 when nothing calls it. */
  decimal: number;
}

interface Fallible {
  readonly call: Call;
  readonly index: number;
  readonly guard: number;
  readonly outcomes: readonly (readonly [string, Outcome | undefined])[];
  readonly failed: number;
  /** Where the call begins, for errnos after which it is made again; −1 when there is none. */
  readonly again: number;
  /** Where the path of success goes on, for errnos that are ignored; −1 when none is. */
  readonly resume: number;
}

/** The calls that do not come back. */
const FINAL: Readonly<Record<string, true>> = { exit: true, exit_group: true };

/** Emits the whole plan with the routines it needs. Throws HutchError for a plan that means nothing. */
export function lower(plan: Plan, arch: Arch, asm: Assembler, data: Data, reporter: Reporter): void {
  const state: Lowering = {
    arch,
    asm,
    data,
    reporter,
    labels: new Map(),
    fallible: [],
    guard: -1,
    decimal: -1,
  };
  asm.enter();
  for (let index = 0; index < plan.length; index++) {
    const step = plan[index];
    if (step === undefined) continue;
    data.context = step.kind === "call" ? step.why : `emit step ${index} (${step.kind})`;
    lowerStep(state, step, index);
  }
  asm.integer(asm.registers.args[0], 0);
  asm.syscall(SYSCALLS[arch].exit_group);
  for (const fallible of state.fallible) lowerFailure(state, fallible);
  data.context = "emit program";
  for (const [name, label] of state.labels) {
    if (labelOffset(data.image, label) < 0) throw refuse(data, `nothing is labelled ${name}`);
  }
  reporter.finish(() => decimalLabel(state));
  if (state.decimal >= 0) emitDecimal(asm, data.image, state.decimal);
}

function lowerStep(state: Lowering, step: Step, index: number): void {
  switch (step.kind) {
    case "call":
      lowerCall(state, step, index);
      break;
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
  const { args, result } = asm.registers;
  const number = numberOf(SYSCALLS[state.arch], step.name);
  if (number === undefined) throw refuse(data, `${state.arch} has no system call ${step.name}`);
  const outcomes = Object.entries(step.errors ?? {});
  const again = outcomes.some(([, outcome]) => outcome === "retry") ? boundLabel(data.image) : -1;
  for (let position = 0; position < step.args.length; position++) {
    const argument = step.args[position];
    const register = args[position];
    if (argument === undefined || register === undefined)
      throw refuse(data, "a call has at most six arguments");
    loadArgument(state, register, argument);
  }
  asm.syscall(number);
  if (FINAL[step.name]) return;
  const failed = createLabel(data.image);
  asm.branchFailed(failed);
  // An ignored failure joins here, so that its −errno is stored like a result.
  const resume = outcomes.some(([, outcome]) => outcome === "ignore") ? boundLabel(data.image) : -1;
  if (step.into !== undefined) asm.storeSlot(slotNumber(data, step.into), result);
  state.fallible.push({ call: step, index, guard: state.guard, outcomes, again, failed, resume });
}

function numberOf(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function loadArgument(state: Lowering, to: Register, argument: Argument): void {
  const { asm, data } = state;
  if (typeof argument === "number" || typeof argument === "bigint") {
    asm.integer(to, integerOf(data, argument));
    return;
  }
  const place = placeOf(data, argument);
  if (typeof argument === "string") {
    if (place !== undefined) asm.address(to, place);
    return;
  }
  if (argument.kind === "slot") asm.loadSlot(to, slotNumber(data, argument));
  else if (argument.kind === "address") asm.slotAddress(to, slotNumber(data, argument.slot));
  else if (place !== undefined) asm.address(to, place);
  if (argument.kind === "struct") fillStruct(state, argument, to);
}

/** Stores the slots of a struct and of those it points to. `base` holds its address, if that is known already. */
function fillStruct(state: Lowering, struct: Struct, base: Register | undefined): void {
  const { asm, data } = state;
  const { value, pointer } = asm.registers;
  for (const { value: field } of struct.fields) {
    if (typeof field === "object" && field.kind === "struct") fillStruct(state, field, undefined);
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
  const { asm, data, reporter } = state;
  const { call } = fallible;
  data.context = call.why;
  const jumps: { errno: number; label: number }[] = [];
  for (const [name, outcome] of fallible.outcomes) {
    const errno = numberOf(ERRNO, name);
    if (errno === undefined) throw refuse(data, `there is no errno ${name}`);
    if (outcome === "ignore") jumps.push({ errno, label: fallible.resume });
    else if (outcome === "retry") jumps.push({ errno, label: fallible.again });
    else if (outcome !== undefined) jumps.push({ errno, label: failureTarget(state, call, outcome.to) });
  }
  bindLabel(data.image, fallible.failed);
  for (const { errno, label } of jumps) {
    asm.operateInteger("cmp", asm.registers.result, -errno);
    asm.branch("eq", label);
  }
  reporter.report({
    index: fallible.index,
    why: call.why,
    call: call.name,
    hints: call.hints,
    exitCode: call.exitCode,
    guard: fallible.guard,
  });
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
  state.asm.integer(state.asm.registers.result, 0);
  state.reporter.report({ index, why: step.message, exitCode: step.exitCode, guard: state.guard });
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
  const { op, right } = step;
  loadValue(state, value, step.left);
  if (op !== "set") {
    if (right === undefined) throw refuse(data, `${op} has no right side`);
    if (op !== "shl" && op !== "shr") applyValue(state, op, value, right);
    else {
      const count = typeof right === "object" ? -1 : Number(right);
      if (!Number.isInteger(count) || count < 0 || count > 63) {
        throw refuse(data, "a shift takes a constant from 0 to 63");
      }
      if (op === "shl") asm.shiftLeft(value, count);
      else asm.shiftRight(value, count);
    }
  }
  asm.storeSlot(slotNumber(data, step.into), value);
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
  state.asm.address(to, place + offset * 8);
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
  const [end, number] = asm.registers.args;
  const { value } = asm.registers;
  loadPlace(state, end, step.to, 0, DECIMAL_SIZE);
  loadValue(state, number, step.value);
  asm.call(decimalLabel(state));
  if (step.length === undefined) return;
  asm.address(value, bufferPlace(data, step.to));
  asm.operate("sub", end, value);
  asm.storeSlot(slotNumber(data, step.length), end);
}

function decimalLabel(state: Lowering): number {
  if (state.decimal < 0) state.decimal = createLabel(state.data.image);
  return state.decimal;
}
