/**
 * The back end of a plan that runs inside Bun, by system calls of this thread. A plan is checked and its
 * memory laid out before the first call; then it is interpreted.
 */
import { HutchError } from "../linux/error.ts";
import type {
  Branch,
  Buffer,
  Bytes,
  Call,
  Compute,
  Decimal,
  Next,
  Plan,
  Slot,
  Step,
  Value,
} from "../plan/step.ts";
import {
  bufferRegion,
  createMemory,
  get,
  type Memory,
  type PlacedCall,
  placeCall,
  placeOperands,
  put,
  slotRegion,
} from "./layout.ts";
import { systemCall, type Word } from "./libc.ts";
import { putString, type Region } from "./memory.ts";
import { checkStep, type Labels, labelsOf, refuse, stepName } from "./possible.ts";
import { errnoOf, failed, syscallError } from "./syscall.ts";

/** What a plan left behind. */
export interface Performed {
  /** Every slot by name, as a signed 64-bit value. */
  readonly slots: ReadonlyMap<string, bigint>;
  /** Every buffer by name. */
  readonly buffers: ReadonlyMap<string, Uint8Array>;
}

/** How perform deals with failures. */
export interface PerformOptions {
  /**
   * Is told of every failure that a guard with a label sends elsewhere. Without it the plan goes on at the
   * label all the same, and the first such failure is thrown when the plan has come to its end.
   */
  readonly report?: (failure: HutchError) => void;
}

/**
 * Performs a plan in this process; throws HutchError for a failure that no guard catches, and, before
 * anything has happened, for a plan that cannot be performed here (see possible.ts).
 */
export function perform(plan: Plan, options: PerformOptions = {}): Performed {
  const machine = prepare(plan);
  for (let at = 0; at < plan.length; ) {
    const step = plan[at];
    const next = step === undefined ? undefined : run(machine, step, at, options);
    at = next ?? at + 1;
  }
  const [first] = machine.failures;
  if (first !== undefined) throw first;
  const { slots, buffers } = machine.memory;
  const performed = { slots: new Map<string, bigint>(), buffers: new Map<string, Uint8Array>() };
  for (const [name, region] of slots) performed.slots.set(name, get(region, 0, 8));
  for (const [name, region] of buffers) performed.buffers.set(name, region.bytes);
  return performed;
}

interface Machine {
  readonly memory: Memory;
  readonly labels: Labels;
  /** By the index of the step. */
  readonly calls: ReadonlyMap<number, PlacedCall>;
  /** By the index of the step: the label a failure goes on at. */
  readonly guards: readonly (string | undefined)[];
  /** By the index of a `next` step: its strings, and how many of them have been taken. */
  readonly lists: ReadonlyMap<number, List>;
  /** Those that nobody was told of yet. */
  readonly failures: HutchError[];
}

interface List {
  readonly strings: readonly string[];
  readonly addresses: readonly number[];
  taken: number;
}

/** Checks every step, and gives all memory its place. */
function prepare(plan: Plan): Machine {
  const labels = labelsOf(plan);
  const memory = createMemory();
  const calls = new Map<number, PlacedCall>();
  const lists = new Map<number, List>();
  const guards: (string | undefined)[] = [];
  let guard: string | undefined;
  for (const [index, step] of plan.entries()) {
    const where = stepName(step, index);
    checkStep(step, labels, where);
    placeOperands(memory, step, where);
    if (step.kind === "call") calls.set(index, placeCall(memory, step, where));
    if (step.kind === "next") lists.set(index, placeList(memory, step));
    if (step.kind === "guard") guard = step.to;
    guards.push(guard);
  }
  return { memory, labels, calls, guards, lists, failures: [] };
}

function placeList(memory: Memory, { from }: Next): List {
  const addresses: number[] = [];
  for (const text of from.strings) addresses.push(putString(memory.arena, text));
  return { strings: from.strings, addresses, taken: 0 };
}

/** Runs one step; the index of the step to go on at when that is not the next one. */
function run(machine: Machine, step: Step, at: number, options: PerformOptions): number | undefined {
  const { memory, labels } = machine;
  switch (step.kind) {
    case "label":
    case "guard":
    case "given":
    case "enter":
      return undefined;
    case "jump":
      return labels.get(step.to);
    case "branch":
      return holds(memory, step) ? labels.get(step.to) : undefined;
    case "compute":
      return void put(slotRegion(memory, step.into), 0, 8, computed(memory, step));
    case "load": {
      const from = bufferRegion(memory, step.from, "load");
      return void put(slotRegion(memory, step.into), 0, 8, get(from, step.offset, step.size));
    }
    case "store": {
      const to = bufferRegion(memory, step.to, "store");
      return void put(to, step.offset, step.size, evaluate(memory, step.value));
    }
    case "decimal":
      return void writeDecimal(memory, step);
    case "next":
      return takeNext(machine, step, at);
    case "fail":
      return fail(machine, at, new HutchError({ operation: step.message, exitCode: step.exitCode }), options);
    case "call":
      return runCall(machine, step, at, options);
  }
}

/** What every failure does: it is thrown, or reported where a guard has a label to go on at. */
function fail(
  machine: Machine,
  at: number,
  failure: HutchError,
  options: PerformOptions,
): number | undefined {
  const guard = machine.guards[at];
  if (guard === undefined) throw failure;
  if (options.report === undefined) machine.failures.push(failure);
  else options.report(failure);
  return machine.labels.get(guard);
}

function takeNext({ memory, labels, lists }: Machine, { into, done }: Next, at: number): number | undefined {
  const list = lists.get(at);
  const address = list?.addresses[list.taken];
  if (list === undefined) return undefined;
  list.taken = address === undefined ? 0 : list.taken + 1;
  put(slotRegion(memory, into), 0, 8, BigInt(address ?? 0));
  return address === undefined ? labels.get(done) : undefined;
}

/** The string whose address a slot holds, for messages. */
function subjectOf({ memory, lists }: Machine, subject: Slot): string {
  const address = Number(get(slotRegion(memory, subject), 0, 8));
  for (const { strings, addresses } of lists.values()) {
    const index = addresses.indexOf(address);
    if (index >= 0) return ` ${strings[index]}`;
  }
  return "";
}

function runCall(machine: Machine, call: Call, at: number, options: PerformOptions): number | undefined {
  const placed = machine.calls.get(at);
  if (placed === undefined) return undefined;
  for (;;) {
    const result = makeCall(placed);
    const errno = failed(result) ? errnoOf(result) : undefined;
    const outcome = !failed(result) ? "ignore" : errno === undefined ? undefined : call.errors?.[errno];
    if (outcome === "retry") continue;
    if (outcome === undefined && call.otherwise === undefined) {
      const hint = errno === undefined ? undefined : call.hints?.[errno];
      const subject = call.subject === undefined ? "" : subjectOf(machine, call.subject);
      return fail(
        machine,
        at,
        syscallError(`${call.why}${subject}: ${call.name}`, result, hint, call.exitCode),
        options,
      );
    }
    if (call.into !== undefined) put(slotRegion(machine.memory, call.into), 0, 8, BigInt(result));
    if (outcome === "ignore") return undefined;
    return machine.labels.get(outcome?.to ?? call.otherwise ?? "");
  }
}

function makeCall({ number, operands, patches }: PlacedCall): Word {
  for (const { region, offset, size, slot } of patches) put(region, offset, size, get(slot, 0, 8));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = operands;
  return systemCall(number, word(a), word(b), word(c), word(d), word(e), word(f));
}

function word(operand: Word | Region): Word {
  return typeof operand === "object" ? get(operand, 0, 8) : operand;
}

/** A constant, the content of a slot, or the address of a buffer. */
function evaluate(memory: Memory, value: Value | Buffer | Bytes | string): bigint {
  if (typeof value === "string" || (typeof value === "object" && value.kind === "bytes")) {
    return refuse("compute", "addresses of constants are for programs");
  }
  if (typeof value !== "object") return BigInt.asIntN(64, BigInt(value));
  if (value.kind === "buffer") return BigInt(bufferRegion(memory, value, "compute").address);
  return get(slotRegion(memory, value), 0, 8);
}

function holds(memory: Memory, branch: Branch): boolean {
  const left = evaluate(memory, branch.left);
  const right = evaluate(memory, branch.right);
  switch (branch.is) {
    case "eq":
      return left === right;
    case "ne":
      return left !== right;
    case "lt":
      return left < right;
    case "le":
      return left <= right;
    case "gt":
      return left > right;
    case "ge":
      return left >= right;
    case "any":
      return (left & right) !== 0n;
  }
}

function computed(memory: Memory, step: Compute): bigint {
  const left = evaluate(memory, step.left);
  const right = evaluate(memory, step.right ?? 0);
  switch (step.op) {
    case "set":
      return left;
    case "add":
      return left + right;
    case "sub":
      return left - right;
    case "and":
      return left & right;
    case "or":
      return left | right;
    case "shl":
      return left << right;
    case "shr":
      return BigInt.asUintN(64, left) >> right;
  }
}

function writeDecimal(memory: Memory, step: Decimal): void {
  const digits = BigInt.asUintN(64, evaluate(memory, step.value)).toString();
  const { bytes } = bufferRegion(memory, step.to, "decimal");
  new TextEncoder().encodeInto(`${digits}\0`, bytes);
  if (step.length !== undefined) put(slotRegion(memory, step.length), 0, 8, BigInt(digits.length));
}
