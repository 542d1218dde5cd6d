/** Steps to instructions. */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Call, Fail, Label, Plan, Step } from "../plan/step.ts";
import type { Assembler } from "./assembler.ts";
import { type Data, refuse } from "./data.ts";
import { bindLabel, labelOffset } from "./image.ts";
import { lowerCall, lowerFailure } from "./lower-call.ts";
import {
  keepStart,
  lowerBranch,
  lowerCompute,
  lowerDecimal,
  lowerEnter,
  lowerGiven,
  lowerLoad,
  lowerNext,
  lowerStore,
} from "./lower-value.ts";
import { type Lowering, labelOf } from "./lowering.ts";
import { createReporter, type Report } from "./report.ts";

/** Emits the whole plan with the routines it needs. Throws HutchError for a plan that means nothing. */
export function lower(plan: Plan, arch: Arch, asm: Assembler, data: Data, report: Report): void {
  const { image } = data;
  const reporter = createReporter(asm, data, arch, report);
  const syscalls = SYSCALLS[arch];
  const state: Lowering = { arch, asm, data, reporter, syscalls, labels: new Map(), fallible: [], guard: -1 };
  asm.enter();
  if (plan.some(({ kind }) => kind === "given" || kind === "enter")) keepStart(state);
  let index = 0;
  for (const step of plan) {
    data.step = step;
    data.index = index;
    if (step.kind === "call") lowerCall(state, step, index);
    else lowerOther(state, step, index);
    index++;
  }
  asm.integer(asm.registers.args[0], 0);
  asm.syscall(syscalls.exit_group);
  for (const fallible of state.fallible) lowerFailure(state, fallible);
  data.step = undefined;
  for (const [name, label] of state.labels) {
    if (labelOffset(image, label) < 0) throw refuse(data, `nothing is labelled ${name}`);
  }
  reporter.finish(longestSubject(plan));
}

/** Room for what cannot be measured: an argument, or what is read while the plan runs; as long as a path. */
const LONGEST_UNKNOWN = 4096;

/** The length of the longest string that a `subject` can be. */
function longestSubject(plan: Plan): number {
  const listed = new Set<string>();
  let longest = 0;
  for (const step of plan) {
    if (step.kind !== "next") continue;
    listed.add(step.into.name);
    for (const text of step.from.strings) longest = Math.max(longest, text.length);
  }
  const isKnown = (step: Step): boolean =>
    step.kind !== "call" || step.subject === undefined || listed.has(step.subject.name);
  return plan.every(isKnown) ? longest : Math.max(longest, LONGEST_UNKNOWN);
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
    case "given":
      lowerGiven(state, step);
      break;
    case "enter":
      lowerEnter(state, step);
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

function lowerFail(state: Lowering, step: Fail, index: number): void {
  const { asm, reporter, guard } = state;
  asm.integer(asm.registers.result, 0);
  reporter.fail(step, index, guard);
}
