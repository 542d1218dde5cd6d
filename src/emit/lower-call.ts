/** System calls to instructions. */
import { ERRNO } from "../linux/errno.ts";
import type { Argument, Call, Outcome, Struct } from "../plan/step.ts";
import type { Assembler, Register } from "./assembler.ts";
import { type Data, integerOf, placeText, refuse, slotNumber } from "./data.ts";
import { boundLabel } from "./image.ts";
import { type Fallible, type Lowering, labelOf, type Outcomes } from "./lowering.ts";
import { isSlot, placeMemory, placeStruct } from "./struct.ts";

/** The calls that do not come back. */
const FINAL: Readonly<Record<string, true>> = { exit: true, exit_group: true };

const ERRNOS: Readonly<Record<string, number>> = ERRNO;

/** Emits a call, up to where it may fail. */
export function lowerCall(state: Lowering, step: Call, index: number): void {
  const { asm, data } = state;
  const number = state.syscalls[step.name];
  // Names such as "constructor" are found on every object, but are no numbers.
  if (typeof number !== "number") throw refuse(data, `${state.arch} has no such system call`);
  if (step.args.length > 6) throw refuse(data, "a call has at most six arguments");
  const outcomes = step.errors === undefined ? NO_OUTCOMES : outcomesOf(data, step.errors);
  const again = outcomes.retries ? boundLabel(data.image) : -1;
  loadArguments(state, step.args);
  if (FINAL[step.name] === true) {
    asm.syscall(number);
    return;
  }
  const jump = asm.fallibleSyscall(number);
  // An ignored failure joins here, so that its −errno is stored like a result.
  const resume = outcomes.ignores ? boundLabel(data.image) : -1;
  if (step.into !== undefined) asm.storeSlot(slotNumber(data, step.into), asm.registers.result);
  state.fallible.push({ call: step, index, guard: state.guard, outcomes, jump, again, resume });
}

const NO_OUTCOMES: Outcomes = { listed: [], retries: false, ignores: false };

/** Reads the object once, because walking over the keys of an object is slow in a cold engine. */
function outcomesOf(data: Data, errors: Readonly<Record<string, Outcome>>): Outcomes {
  const listed: { errno: number; outcome: Outcome }[] = [];
  let retries = false;
  let ignores = false;
  for (const name in errors) {
    const outcome = errors[name];
    if (outcome === undefined) continue;
    const errno = ERRNOS[name];
    if (typeof errno !== "number") throw refuse(data, `there is no errno ${name}`);
    if (outcome === "retry") retries = true;
    else if (outcome === "ignore") ignores = true;
    listed.push({ errno, outcome });
  }
  return { listed, retries, ignores };
}

/** The common kinds of arguments are dealt with in place: this runs some hundred times in every start. */
function loadArguments({ asm, data }: Lowering, values: readonly Argument[]): void {
  const { args } = asm.registers;
  const { texts, slots } = data;
  let position = 0;
  for (const value of values) {
    const to = args[position++] ?? 0;
    if (typeof value === "number") asm.integer(to, value === (value | 0) ? value : integerOf(data, value));
    else if (typeof value === "string") asm.address(to, texts.get(value) ?? placeText(data, value));
    else if (typeof value === "bigint") asm.integer(to, integerOf(data, value));
    else if (value.kind === "slot") asm.loadSlot(to, slots.get(value.name) ?? slotNumber(data, value));
    else if (value.kind === "address") asm.slotAddress(to, slotNumber(data, value.slot));
    else {
      asm.address(to, placeMemory(data, value));
      if (value.kind === "struct" && needsFilling(value)) fillStruct(asm, data, value, to);
    }
  }
}

/** Does the struct, or one that it points to, hold the value of a slot? */
function needsFilling(struct: Struct): boolean {
  for (const { value } of struct.fields) {
    if (typeof value !== "object") continue;
    if (value.kind === "slot" || (value.kind === "struct" && needsFilling(value))) return true;
  }
  return false;
}

/**
 * Stores the slots of a struct and of those it points to. `base` holds its address, if that is known
 * already.
 */
function fillStruct(asm: Assembler, data: Data, struct: Struct, base: Register | undefined): void {
  const { value, pointer } = asm.registers;
  for (const field of struct.fields) {
    if (typeof field.value === "object" && field.value.kind === "struct") {
      fillStruct(asm, data, field.value, undefined);
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
export function lowerFailure(state: Lowering, fallible: Fallible): void {
  const { asm, data, reporter } = state;
  const { call, index } = fallible;
  data.step = call;
  data.index = index;
  if (fallible.outcomes === NO_OUTCOMES) asm.land(fallible.jump);
  else lowerOutcomes(state, fallible);
  if (call.otherwise !== undefined) {
    if (call.into !== undefined) asm.storeSlot(slotNumber(data, call.into), asm.registers.result);
    asm.jump(labelOf(state, call.otherwise));
    return;
  }
  reporter.failed(call, index, fallible.guard);
}

function lowerOutcomes(state: Lowering, fallible: Fallible): void {
  const { asm } = state;
  const { listed } = fallible.outcomes;
  const targets = listed.map(({ outcome }) => {
    if (outcome === "ignore") return fallible.resume;
    return outcome === "retry" ? fallible.again : failureTarget(state, fallible.call, outcome.to);
  });
  asm.land(fallible.jump);
  let index = 0;
  for (const { errno } of listed) {
    asm.operateInteger("cmp", asm.registers.result, -errno);
    asm.branch("eq", targets[index++] ?? -1);
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
