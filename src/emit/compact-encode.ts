/** Steps to the instructions of compact programs (compact-format.ts). */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Branch, Call, Compute, Plan, Step } from "../plan/step.ts";
import { tooLarge } from "./compact-constants.ts";
import { createCompactData, distanceOf, link, placeSequence, slotNumber } from "./compact-data.ts";
import { putCall } from "./compact-encode-call.ts";
import {
  FIRST_INSTRUCTION,
  GIVEN_ARGUMENTS,
  GIVEN_ENVIRONMENT,
  MOST_BYTES,
  OP,
  PROGRAM_OFFSET,
} from "./compact-format.ts";
import {
  type Encoder,
  putByte,
  putChecked,
  putInteger,
  putOperand,
  putPlace,
  putTarget,
  putWord,
  STORES,
} from "./compact-operand.ts";
import { numberTexts, textNumber } from "./compact-texts.ts";

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

/** An opcode, and the slot that its result goes to. */
function putInto(encoder: Encoder, opcode: number, slot: string): void {
  putByte(encoder, opcode);
  putByte(encoder, slotNumber(encoder.data, slot));
}

function putCompute(encoder: Encoder, { op, into, left, right }: Compute): void {
  const isShift = op === "shl" || op === "shr";
  if (isShift && (typeof right === "object" || Number(right) < 0 || Number(right) > 63)) {
    throw new HutchError({
      operation: "emit compact program",
      reason: "a shift takes a constant from 0 to 63",
    });
  }
  putInto(encoder, OP[op], into.name);
  putOperand(encoder, left);
  if (op !== "set") putOperand(encoder, right ?? 0);
}

function putBranch(encoder: Encoder, { left, is, right, to }: Branch): void {
  // a ≤ b is b ≥ a.
  const isTurned = is === "le" || is === "gt";
  putByte(encoder, OP[is === "le" ? "ge" : is === "gt" ? "lt" : is]);
  putOperand(encoder, isTurned ? right : left);
  putOperand(encoder, isTurned ? left : right);
  putTarget(encoder, to);
}

function putStep(encoder: Encoder, step: Exclude<Step, Call>, index: number): void {
  const { data } = encoder;
  switch (step.kind) {
    case "label":
      if (encoder.labels.has(step.name)) throw unlabelled(`${step.name} twice`);
      encoder.labels.set(step.name, encoder.size);
      break;
    case "jump":
      putByte(encoder, OP.jump);
      putTarget(encoder, step.to);
      break;
    case "branch":
      putBranch(encoder, step);
      break;
    case "compute":
      putCompute(encoder, step);
      break;
    case "load":
      putInto(encoder, LOADS[step.size], step.into.name);
      putOperand(encoder, step.from);
      putInteger(encoder, step.offset);
      break;
    case "store":
      putByte(encoder, STORES[step.size]);
      putOperand(encoder, step.to);
      putInteger(encoder, step.offset);
      putOperand(encoder, step.value);
      break;
    case "decimal":
      putByte(encoder, OP.decimal);
      putOperand(encoder, step.to);
      putOperand(encoder, step.value);
      putByte(encoder, step.length === undefined ? 0 : slotNumber(data, step.length.name));
      break;
    case "next":
      putInto(encoder, OP.next, step.into.name);
      putByte(encoder, slotNumber(data, `taken by step ${index}`));
      putPlace(encoder, placeSequence(data, step.from));
      putTarget(encoder, step.done);
      break;
    case "given": {
      const { what } = step;
      putInto(encoder, OP.given, step.into.name);
      putByte(
        encoder,
        what === "arguments" ? GIVEN_ARGUMENTS : what === "environment" ? GIVEN_ENVIRONMENT : what,
      );
      break;
    }
    case "guard":
      break;
    case "enter":
      throw tooLarge("programs to go on with");
    case "fail":
      putByte(encoder, OP.fail);
      putWord(encoder, textNumber(encoder, step.message));
      putChecked(encoder, step.exitCode ?? DEFAULT_EXIT_CODE, 1);
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
    code: new Uint8Array(MOST_BYTES),
    size: FIRST_INSTRUCTION,
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
  const firstValue = numberTexts(encoder, [...plan, EXIT]);
  const guards: { readonly at: number; readonly to: string | undefined }[] = [];
  for (let index = 0; index < plan.length; index++) {
    const step = plan[index];
    if (step === undefined) continue;
    if (step.kind === "guard") guards.push({ at: encoder.size, to: step.to });
    if (step.kind === "call") putCall(encoder, step);
    else putStep(encoder, step, index);
  }
  putCall(encoder, EXIT);
  const calls = encoder.size;
  for (const byte of encoder.entries) putByte(encoder, byte);
  const guardsStart = encoder.size;
  for (const { at, to } of guards) {
    putWord(encoder, at);
    putWord(encoder, to === undefined ? 0 : labelAt(encoder, to));
  }
  const program = finish(encoder);
  return {
    program,
    texts: [...encoder.texts.keys()],
    firstValue,
    calls,
    guards: guardsStart,
    guardsEnd: encoder.size,
    memorySize: encoder.data.memorySize,
  };
}

/** The program: fills in what was not known before everything had its place. */
function finish(encoder: Encoder): Uint8Array {
  const { code, size: first, data, targets, addresses } = encoder;
  const size = (first + data.size + 7) & ~7;
  const memory = PROGRAM_OFFSET + size;
  if (size > MOST_BYTES) throw tooLarge("steps");
  for (const { at, to } of targets) {
    const place = labelAt(encoder, to);
    code[at] = place;
    code[at + 1] = place >> 8;
  }
  for (const { at, size: bytes, to, from } of addresses) {
    const distance = distanceOf(to, first, memory) - from;
    for (let index = 0; index < bytes; index++) code[at + index] = distance >> (index * 8);
  }
  link(data, first, memory);
  code.set(data.constants.subarray(0, data.size), first);
  return code.subarray(0, size);
}
