/** Steps to the instructions of compact programs (compact-format.ts). */
import type { Arch } from "../linux/arch.ts";
import { ERRNO } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Argument, Branch, Call, Compute, Plan, Step } from "../plan/step.ts";
import {
  type CompactData,
  createCompactData,
  distanceOf,
  link,
  type Place,
  placeList,
  placeSequence,
  slotNumber,
  tooLarge,
} from "./compact-data.ts";
import {
  ANY_ERRNO,
  CALL_ERRORS,
  CALL_EXIT_CODE,
  CALL_HINTS,
  CALL_INTO,
  CALL_LONG,
  CALL_REST,
  CALL_SUBJECT,
  GIVEN_ARGUMENTS,
  GIVEN_ENVIRONMENT,
  OP,
  PROGRAM_OFFSET,
  TARGET_IGNORE,
  TARGET_RETRY,
} from "./compact-format.ts";
import {
  type Encoder,
  fill,
  isFilled,
  numberTexts,
  put,
  putInteger,
  putOperand,
  putPlace,
  putTarget,
  STORES,
  textNumber,
} from "./compact-operand.ts";

const DEFAULT_EXIT_CODE = 125;

export interface Encoded {
  /** Instructions, constants and tables, as they lie in memory. */
  readonly program: Uint8Array;
  readonly texts: readonly string[];
  /** The first of the texts that are about values: those before are the same in many programs. */
  readonly firstValue: number;
  readonly calls: number;
  readonly guards: number;
  readonly guardsEnd: number;
  /** Bytes of memory behind the program, in which slots and buffers lie. */
  readonly memorySize: number;
}

const LOADS = { 1: OP.load1, 2: OP.load2, 4: OP.load4, 8: OP.load8 } as const;

function putCall(encoder: Encoder, step: Call): void {
  const { code, data } = encoder;
  const filled = new Map<Argument, Place>();
  for (const argument of step.args) {
    if (typeof argument === "object" && argument.kind === "struct" && isFilled(argument))
      filled.set(argument, fill(encoder, argument));
  }
  code.push(callNumber(encoder, step));
  for (const argument of step.args) {
    const place = filled.size === 0 ? undefined : filled.get(argument);
    if (place === undefined) putOperand(encoder, argument);
    else putPlace(encoder, place);
  }
  const text = textNumber(encoder, step.why);
  const hasErrors = step.otherwise !== undefined || Object.keys(step.errors ?? {}).length > 0;
  const hasHints = encoder.hasHints && Object.keys(step.hints ?? {}).length > 0;
  const flags =
    (step.into === undefined ? 0 : CALL_INTO) |
    (step.subject === undefined ? 0 : CALL_SUBJECT) |
    (step.exitCode === undefined ? 0 : CALL_EXIT_CODE) |
    (hasHints ? CALL_HINTS : 0) |
    (hasErrors ? CALL_ERRORS : 0) |
    (text > 0xff ? CALL_LONG : 0);
  const isMore = (flags & ~(CALL_INTO | CALL_LONG)) !== 0;
  code.push(isMore ? flags | CALL_REST : flags, text & 0xff);
  if (text > 0xff) code.push(text >> 8);
  if (step.into !== undefined) code.push(slotNumber(data, step.into));
  if (!isMore) return;
  const length = code.push(0);
  putRest(encoder, step, hasHints);
  const size = code.length - length;
  if (size > 0xff) throw tooLarge("errors of one call");
  code[length - 1] = size;
}

/** What only a failure reads. */
function putRest(
  encoder: Encoder,
  { subject, exitCode, hints, errors, otherwise }: Call,
  hasHints: boolean,
): void {
  const { code, data } = encoder;
  if (subject !== undefined) code.push(slotNumber(data, subject));
  if (exitCode !== undefined) put(encoder, exitCode, 1);
  if (hasHints) {
    const entries = Object.entries(hints ?? {}).map(([name, hint]) => {
      const number = textNumber(encoder, hint);
      return [errnoOf(name), number & 0xff, number >> 8];
    });
    const to = placeList(data, "hints", [entries.length, ...entries.flat()]);
    encoder.addresses.push({ at: code.length, size: 2, to, from: PROGRAM_OFFSET });
    code.push(0, 0);
  }
  const listed = Object.entries(errors ?? {});
  if (listed.length === 0 && otherwise === undefined) return;
  code.push(listed.length + (otherwise === undefined ? 0 : 1));
  for (const [name, outcome] of listed) {
    code.push(errnoOf(name));
    if (typeof outcome === "object") putTarget(encoder, outcome.to);
    else put(encoder, outcome === "ignore" ? TARGET_IGNORE : TARGET_RETRY, 2);
  }
  if (otherwise === undefined) return;
  code.push(ANY_ERRNO);
  putTarget(encoder, otherwise);
}

function errnoOf(name: string): number {
  const errnos: Readonly<Record<string, number>> = ERRNO;
  const errno = errnos[name];
  if (typeof errno === "number") return errno;
  throw new HutchError({ operation: "emit compact program", reason: `there is no errno ${name}` });
}

/** The place in the table of calls. */
function callNumber(encoder: Encoder, { name, args }: Call): number {
  const { calls, syscalls, entries } = encoder;
  const known = calls.get(name)?.[args.length];
  if (known !== undefined) return known;
  const number = syscalls[name];
  if (typeof number !== "number") {
    throw new HutchError({ operation: "emit compact program", reason: `there is no system call ${name}` });
  }
  if (args.length > 6) throw tooLarge("arguments of one call");
  if (entries.length >= OP.set) throw tooLarge("system calls");
  const numbers = calls.get(name) ?? [];
  numbers[args.length] = entries.length;
  calls.set(name, numbers);
  const text = textNumber(encoder, name);
  return entries.push([number & 0xff, number >> 8, args.length, text & 0xff, text >> 8]) - 1;
}

function putCompute(encoder: Encoder, { op, into, left, right }: Compute): void {
  const { code, data } = encoder;
  const isShift = op === "shl" || op === "shr";
  if (isShift && (typeof right === "object" || Number(right) < 0 || Number(right) > 63)) {
    throw new HutchError({
      operation: "emit compact program",
      reason: "a shift takes a constant from 0 to 63",
    });
  }
  code.push(OP[op], slotNumber(data, into));
  putOperand(encoder, left);
  if (op !== "set") putOperand(encoder, right ?? 0);
}

function putBranch(encoder: Encoder, { left, is, right, to }: Branch): void {
  // a ≤ b is b ≥ a.
  const isTurned = is === "le" || is === "gt";
  encoder.code.push(OP[is === "le" ? "ge" : is === "gt" ? "lt" : is]);
  putOperand(encoder, isTurned ? right : left);
  putOperand(encoder, isTurned ? left : right);
  putTarget(encoder, to);
}

function putStep(encoder: Encoder, step: Exclude<Step, Call>, index: number): void {
  const { code, data } = encoder;
  switch (step.kind) {
    case "label":
      if (encoder.labels.has(step.name)) throw unlabelled(`${step.name} twice`);
      encoder.labels.set(step.name, code.length);
      break;
    case "jump":
      code.push(OP.jump);
      putTarget(encoder, step.to);
      break;
    case "branch":
      putBranch(encoder, step);
      break;
    case "compute":
      putCompute(encoder, step);
      break;
    case "load":
      code.push(LOADS[step.size], slotNumber(data, step.into));
      putOperand(encoder, step.from);
      putInteger(encoder, step.offset);
      break;
    case "store":
      code.push(STORES[step.size]);
      putOperand(encoder, step.to);
      putInteger(encoder, step.offset);
      putOperand(encoder, step.value);
      break;
    case "decimal":
      code.push(OP.decimal);
      putOperand(encoder, step.to);
      putOperand(encoder, step.value);
      code.push(step.length === undefined ? 0 : slotNumber(data, step.length));
      break;
    case "next":
      code.push(OP.next, slotNumber(data, step.into));
      code.push(slotNumber(data, { kind: "slot", name: `taken by step ${index}` }));
      putPlace(encoder, placeSequence(data, step.from));
      putTarget(encoder, step.done);
      break;
    case "given": {
      const { what } = step;
      code.push(OP.given, slotNumber(data, step.into));
      code.push(what === "arguments" ? GIVEN_ARGUMENTS : what === "environment" ? GIVEN_ENVIRONMENT : what);
      break;
    }
    case "guard":
      break;
    case "enter":
      throw tooLarge("programs to go on with");
    case "fail":
      code.push(OP.fail);
      put(encoder, textNumber(encoder, step.message), 2);
      put(encoder, step.exitCode ?? DEFAULT_EXIT_CODE, 1);
      break;
  }
}

const EXIT: Call = { kind: "call", name: "exit_group", args: [0], why: "end" };

const unlabelled = (what: string): HutchError =>
  new HutchError({ operation: "emit compact program", reason: `label ${what}` });

function labelAt({ labels }: Encoder, name: string): number {
  const at = labels.get(name);
  if (at === undefined) throw unlabelled(`${name} is missing`);
  // 0 and 1 mean something else: the code begins with two bytes that are never read.
  return at;
}

/** Encodes a plan. The machine code knows the numbers of the texts of `first`, and of the slots `ownSlots`. */
export function encode(
  plan: Plan,
  arch: Arch,
  first: readonly string[],
  hasHints: boolean,
  ownSlots: ReadonlyMap<string, number>,
): Encoded {
  const encoder: Encoder = {
    code: [0, 0],
    data: createCompactData(ownSlots),
    syscalls: SYSCALLS[arch],
    texts: new Map(first.map((text, number) => [text, number])),
    calls: new Map(),
    entries: [],
    labels: new Map(),
    targets: [],
    addresses: [],
    hasHints,
  };
  const { code, data } = encoder;
  const firstValue = numberTexts(encoder, [...plan, EXIT]);
  const guards: { readonly at: number; readonly to: string | undefined }[] = [];
  for (const [index, step] of plan.entries()) {
    if (step.kind === "guard") guards.push({ at: code.length, to: step.to });
    if (step.kind === "call") putCall(encoder, step);
    else putStep(encoder, step, index);
  }
  putCall(encoder, EXIT);
  const calls = code.length;
  code.push(...encoder.entries.flat());
  const guardsStart = code.length;
  for (const { at, to } of guards) {
    put(encoder, at, 2);
    put(encoder, to === undefined ? 0 : labelAt(encoder, to), 2);
  }
  return finish(encoder, {
    firstValue,
    calls,
    guards: guardsStart,
    guardsEnd: code.length,
    constants: code.length,
    data,
  });
}

interface Sizes {
  readonly firstValue: number;
  readonly calls: number;
  readonly guards: number;
  readonly guardsEnd: number;
  readonly constants: number;
  readonly data: CompactData;
}

/** Fills in what was not known before everything had its place. */
function finish(encoder: Encoder, { constants: first, data, ...sizes }: Sizes): Encoded {
  const { code, targets, addresses, texts } = encoder;
  const size = (first + data.constants.length + 7) & ~7;
  const memory = PROGRAM_OFFSET + size;
  if (size > 0x6000) throw tooLarge("steps");
  for (const { at, to } of targets) {
    const place = labelAt(encoder, to);
    code[at] = place & 0xff;
    code[at + 1] = place >> 8;
  }
  for (const { at, size: bytes, to, from } of addresses) {
    const distance = distanceOf(to, first, memory) - from;
    for (let index = 0; index < bytes; index++) code[at + index] = (distance >> (index * 8)) & 0xff;
  }
  link(data, first, memory);
  const program = new Uint8Array(size);
  program.set(code);
  program.set(data.constants, first);
  return { ...sizes, program, texts: [...texts.keys()], memorySize: data.memorySize };
}
