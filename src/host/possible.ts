/** Which plans can be performed inside Bun: everything perform refuses before it begins, and why. */
import { HutchError } from "../linux/error.ts";
import {
  CLONE_FS,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWTIME,
  CLONE_NEWUTS,
} from "../linux/sched.ts";
import type { SyscallName } from "../linux/syscall.ts";
import type { Buffer, Bytes, Call, Compute, Plan, Slot, Step, Value } from "../plan/step.ts";

/** The index of every label in the list. */
export type Labels = ReadonlyMap<string, number>;

/** 2^64−1 has 20 digits, and a NUL follows. */
const DECIMAL_SIZE = 21;

/** What can be done with a plan that is not performed. */
const HINT = "emit the plan as a program";

const FORKS = "Bun does not survive to be forked";
const ONE_THREAD = "it would change the calling thread alone, and Bun has several";

/** The calls that would end or damage Bun. */
const IMPOSSIBLE: Readonly<Partial<Record<SyscallName, string>>> = {
  clone: FORKS,
  clone3: FORKS,
  execve: "it would end the plan",
  execveat: "it would end the plan",
  exit: "it would end Bun",
  exit_group: "it would end Bun",
  rt_sigreturn: "it belongs to signal handlers",
  seccomp: ONE_THREAD,
  capset: ONE_THREAD,
  setuid: ONE_THREAD,
  setgid: ONE_THREAD,
  setreuid: ONE_THREAD,
  setregid: ONE_THREAD,
  setresuid: ONE_THREAD,
  setresgid: ONE_THREAD,
  setgroups: ONE_THREAD,
};

/** The namespaces a thread of a process with several threads can make or join, and Bun outlives. */
const MADE =
  CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME | CLONE_FS;
const JOINED = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

/** The step in words, for messages: `step 3 (mount proc on /proc: mount)`. */
export function stepName(step: Step, index: number): string {
  return `step ${index} (${step.kind === "call" ? `${step.why}: ${step.name}` : step.kind})`;
}

/** Throws the error for a plan that is not performed. */
export function refuse(where: string, reason: string, hint?: string): never {
  throw new HutchError({ operation: `perform ${where}`, reason, hint });
}

/** The labels of a plan; a name that is there twice is refused. */
export function labelsOf(plan: Plan): Labels {
  const labels = new Map<string, number>();
  for (const [index, step] of plan.entries()) {
    if (step.kind !== "label") continue;
    if (labels.has(step.name)) refuse(stepName(step, index), `the label ${step.name} exists already`);
    labels.set(step.name, index);
  }
  return labels;
}

/** The place of a label, which must exist. */
export function target(labels: Labels, name: string, where: string): number {
  return labels.get(name) ?? refuse(where, `there is no label ${name}`);
}

/** Whether a value is an integer of so many bytes, with a sign or without. */
export function fits(value: bigint, size: number): boolean {
  return BigInt.asUintN(size * 8, value) === value || BigInt.asIntN(size * 8, value) === value;
}

/** A constant as a signed 64-bit value; refused when it is no integer of 64 bits. */
export function constant(value: number | bigint, where: string): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    refuse(where, `${value} is not an exact integer`);
  const whole = BigInt(value);
  return fits(whole, 8) ? BigInt.asIntN(64, whole) : refuse(where, `${value} does not fit 64 bits`);
}

/**
 * Refuses a step that cannot be performed; what a call's arguments hold is checked when they are laid
 * out.
 */
export function checkStep(step: Step, labels: Labels, where: string): void {
  switch (step.kind) {
    case "call":
      checkCall(step, labels, where);
      break;
    case "jump":
      target(labels, step.to, where);
      break;
    case "next":
      target(labels, step.done, where);
      break;
    case "guard":
      if (step.to !== undefined) target(labels, step.to, where);
      break;
    case "branch":
      checkValue(step.right, where);
      target(labels, step.to, where);
      break;
    case "compute":
      checkCompute(step, where);
      break;
    case "load":
      checkInside(step.from, step.offset, step.size, where);
      break;
    case "store":
      checkValue(step.value, where);
      checkInside(step.to, step.offset, step.size, where);
      break;
    case "decimal":
      checkValue(step.value, where);
      checkInside(step.to, 0, DECIMAL_SIZE, where);
      break;
    case "given":
      refuse(where, "what a program is given at its start is not there in this process", HINT);
      break;
    case "enter":
      refuse(where, "it would end Bun", HINT);
      break;
    case "label":
    case "fail":
      break;
  }
}

function checkValue(value: Value | Buffer | Bytes, where: string): void {
  if (typeof value !== "object") constant(value, where);
}

function checkCall(call: Call, labels: Labels, where: string): void {
  const reason = IMPOSSIBLE[call.name];
  if (reason !== undefined) refuse(where, `${call.name} cannot happen in this process: ${reason}`, HINT);
  const flags = call.args[call.name === "setns" ? 1 : 0];
  if (
    (call.name === "setns" && !within(flags, JOINED)) ||
    (call.name === "unshare" && !within(flags, MADE))
  ) {
    refuse(
      where,
      `${call.name} with these flags cannot happen in this process: it has several threads`,
      HINT,
    );
  }
  if (call.args.length > 6) refuse(where, "a call has at most six arguments");
  if (call.otherwise !== undefined) target(labels, call.otherwise, where);
  for (const outcome of Object.values(call.errors ?? {})) {
    if (typeof outcome !== "string") target(labels, outcome.to, where);
  }
}

/** Whether flags are known, some, and no others than those allowed. */
function within(flags: unknown, allowed: number): boolean {
  return typeof flags === "number" && flags !== 0 && (flags & ~allowed) === 0;
}

function checkCompute(step: Compute, where: string): void {
  const { op, left, right } = step;
  if ((op === "set") !== (right === undefined)) refuse(where, `${op} has a wrong number of operands`);
  if (typeof left === "string" || (typeof left === "object" && left.kind === "bytes")) {
    refuse(where, "addresses of constants are for programs", HINT);
  }
  if (op !== "set" && typeof left === "object" && left.kind === "buffer") {
    refuse(where, `${op} does not take a buffer`);
  }
  checkValue(left, where);
  if (right !== undefined) checkValue(right, where);
  const isShift = op === "shl" || op === "shr";
  if (isShift && (typeof right === "object" || Number(right) < 0 || Number(right) > 63)) {
    refuse(where, "shifts take a constant right side from 0 to 63");
  }
}

function checkInside(buffer: Buffer | Slot, offset: number, size: number, where: string): void {
  if (buffer.kind === "slot") refuse(where, "addresses in slots are for programs", HINT);
  const inside = Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.size;
  if (!inside)
    refuse(where, `${size} bytes at ${offset} are not inside the ${buffer.size} of ${buffer.name}`);
}
