/** From the rules of a profile to what each system call number of an ABI gets. */
import { ERRNO } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import {
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
} from "../linux/seccomp.ts";
import type { Seccomp, SeccompAction, SeccompArgument, SeccompSyscall } from "../spec/seccomp.ts";
import { type Abi, type Multiplexed, SELECTOR_MASKS } from "./seccomp-abi.ts";

/** One comparison of an argument: `(argument & mask) op value`, unsigned. */
export interface Test {
  readonly index: number;
  readonly op: "eq" | "gt" | "ge";
  /** The outcome wanted of `op`: LT is "not GE". */
  readonly holds: boolean;
  /** Undefined: the whole argument. */
  readonly mask: bigint | undefined;
  readonly value: bigint;
}

/** A result, and the tests that must all hold for it. */
export interface Alternative {
  /** Alternatives of one id say the same, so that decisions can be compared without comparing tests. */
  readonly id: string;
  readonly tests: readonly Test[];
  readonly result: number;
}

/** Tried in order: the first alternative whose tests all hold gives its result. */
export interface Decision {
  readonly alternatives: readonly Alternative[];
  readonly otherwise: number;
}

/** What a number gets: a result, or a decision by its arguments. Most are plain results, and cheap so. */
export type Outcome = number | Decision;

/** One rule of a profile, read. */
export interface ReadRule {
  readonly place: number;
  readonly names: readonly string[];
  readonly result: number;
  /** Any one of these; none for a rule without conditions. */
  readonly alternatives: readonly Alternative[];
}

/** A profile in the form in which every ABI uses it. */
export interface Rules {
  /** What a call gets that no rule matches. */
  readonly otherwise: number;
  /** The default lets calls through: newer calls then need no ENOSYS. */
  readonly permissive: boolean;
  readonly rules: readonly ReadRule[];
}

interface Result {
  readonly value: number;
  /** The largest data the action may carry: the errno, or the message for the tracer. */
  readonly data?: number;
}

const RESULTS: Readonly<Record<Exclude<SeccompAction, "SCMP_ACT_NOTIFY">, Result>> = {
  SCMP_ACT_KILL: { value: SECCOMP_RET_KILL_THREAD },
  SCMP_ACT_KILL_THREAD: { value: SECCOMP_RET_KILL_THREAD },
  SCMP_ACT_KILL_PROCESS: { value: SECCOMP_RET_KILL_PROCESS },
  SCMP_ACT_TRAP: { value: SECCOMP_RET_TRAP },
  SCMP_ACT_ERRNO: { value: SECCOMP_RET_ERRNO, data: 4095 },
  SCMP_ACT_TRACE: { value: SECCOMP_RET_TRACE, data: 0xffff },
  SCMP_ACT_ALLOW: { value: SECCOMP_RET_ALLOW },
  SCMP_ACT_LOG: { value: SECCOMP_RET_LOG },
};

/** Actions that let a call happen; a tracer is taken to know what it does, as runc takes it. */
const PERMISSIVE: readonly SeccompAction[] = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"];

type Comparison = Pick<Test, "op" | "holds">;

const COMPARISONS: Readonly<Record<SeccompArgument["op"], Comparison>> = {
  SCMP_CMP_NE: { op: "eq", holds: false },
  SCMP_CMP_LT: { op: "ge", holds: false },
  SCMP_CMP_LE: { op: "gt", holds: false },
  SCMP_CMP_EQ: { op: "eq", holds: true },
  SCMP_CMP_GE: { op: "ge", holds: true },
  SCMP_CMP_GT: { op: "gt", holds: true },
  SCMP_CMP_MASKED_EQ: { op: "eq", holds: true },
};

const refuse = (path: string, reason: string, hint?: string): never => {
  throw new HutchError({ operation: path, reason, hint });
};

function resultOf(action: SeccompAction, errno: number | undefined, path: string, errnoPath: string): number {
  if (action === "SCMP_ACT_NOTIFY") {
    return refuse(path, "SCMP_ACT_NOTIFY is not supported yet", "SCMP_ACT_ERRNO refuses the call instead");
  }
  if (!Object.hasOwn(RESULTS, action)) return refuse(path, `"${action}" is not an action`);
  const { value, data } = RESULTS[action];
  if (data === undefined) {
    return errno === undefined ? value : refuse(errnoPath, `${action} returns no errno, received ${errno}`);
  }
  const number = errno ?? ERRNO.EPERM;
  if (number > data) return refuse(errnoPath, `expected an integer from 0 to ${data}, received ${number}`);
  // The sum of two bit sets that do not overlap; "|" would make it negative.
  return value + number;
}

function testOf(argument: SeccompArgument, path: string): Test {
  const { index, op } = argument;
  if (!(index >= 0 && index <= 5))
    refuse(`${path}.index`, `expected an integer from 0 to 5, received ${index}`);
  if (!Object.hasOwn(COMPARISONS, op)) refuse(`${path}.op`, `"${op}" is not an operator`);
  const { op: comparison, holds } = COMPARISONS[op];
  const value = BigInt(argument.value);
  if (op !== "SCMP_CMP_MASKED_EQ") return { index, op: comparison, holds, mask: undefined, value };
  // Bits outside of the mask do not count, as in libseccomp.
  return { index, op: comparison, holds, mask: value, value: BigInt(argument.valueTwo ?? 0) & value };
}

/**
 * The conditions of a rule: all of them must hold, unless an argument occurs twice. Then each is a rule of
 * its own (runc, libcontainer/seccomp: what was always meant by profiles such as "personality is 0 or 8").
 */
function testsOf(args: readonly SeccompArgument[], path: string): Test[][] {
  if (args.length === 0) return [];
  const tests = args.map((argument, place) => testOf(argument, `${path}.args[${place}]`));
  const twice = new Set(tests.map((test) => test.index)).size < tests.length;
  return twice ? tests.map((test) => [test]) : [tests];
}

function ruleOf(syscall: SeccompSyscall, place: number): ReadRule {
  const path = `linux.seccomp.syscalls[${place}]`;
  const result = resultOf(syscall.action, syscall.errnoRet, `${path}.action`, `${path}.errnoRet`);
  const alternatives = testsOf(syscall.args ?? [], path).map(
    (tests, number): Alternative => ({ id: `${place}.${number}`, tests, result }),
  );
  return { place, names: syscall.names, result, alternatives };
}

/** Checks a profile and reads it; throws HutchError with the path of what is wrong. */
export function readRules(profile: Seccomp): Rules {
  const { defaultAction, defaultErrnoRet, syscalls = [] } = profile;
  return {
    otherwise: resultOf(
      defaultAction,
      defaultErrnoRet,
      "linux.seccomp.defaultAction",
      "linux.seccomp.defaultErrnoRet",
    ),
    permissive: PERMISSIVE.includes(defaultAction),
    rules: syscalls.map(ruleOf),
  };
}

/** A decision while rules are still being added; without `otherwise` the profile's default will be used. */
interface Draft {
  readonly alternatives: Alternative[];
  otherwise?: number;
}

type Drafts = Map<number, number | Draft>;

const lets = (result: number): boolean => result >= SECCOMP_RET_TRACE && result <= SECCOMP_RET_ALLOW;

function addAlternative(drafts: Drafts, number: number, alternative: Alternative): void {
  const draft = drafts.get(number);
  if (draft === undefined) drafts.set(number, { alternatives: [alternative] });
  else if (typeof draft === "object" && draft.otherwise === undefined) draft.alternatives.push(alternative);
}

/** Adds a rule without conditions; what comes after one is never reached. */
function addResult(drafts: Drafts, number: number, result: number): void {
  const draft = drafts.get(number);
  if (draft === undefined) drafts.set(number, result);
  else if (typeof draft === "object") draft.otherwise ??= result;
}

/**
 * A rule for a call behind a multiplexer. Its own arguments lie in memory a filter cannot read: a rule
 * without conditions selects the call; one with conditions selects it if the rule refuses (the whole call
 * is then refused) and not if it allows (what cannot be checked is not let through).
 */
function addMultiplexed(drafts: Drafts, abi: Abi, call: Multiplexed, rule: ReadRule): void {
  const number = abi.numbers[call.through];
  if (number === undefined || (rule.alternatives.length > 0 && lets(rule.result))) return;
  const mask = SELECTOR_MASKS[call.through];
  const test: Test = { index: 0, op: "eq", holds: true, mask, value: BigInt(call.selector) };
  const id = `${call.through}${call.selector}:${rule.place}`;
  addAlternative(drafts, number, { id, tests: [test], result: rule.result });
}

function finish(draft: Draft, otherwise: number): Outcome {
  const rest = draft.otherwise ?? otherwise;
  while (draft.alternatives.at(-1)?.result === rest) draft.alternatives.pop();
  return draft.alternatives.length === 0 ? rest : { alternatives: draft.alternatives, otherwise: rest };
}

export interface AbiOutcomes {
  /** What a number gets; undefined when no rule is about it. */
  outcome(number: number): Outcome | undefined;
  /**
   * The newest call the profile names. Who wrote the profile cannot have meant the calls that are younger:
   * where the default refuses, they get ENOSYS, so that libc falls back to what it did before (as in runc).
   */
  readonly newest: number | undefined;
  /** Names the ABI does not have. */
  readonly missing: ReadonlySet<string>;
}

/**
 * What each number gets on one ABI. Rules are tried in the order of the profile.
 * A profile names every call there is, on two ABIs, before each start: this loop is the compiler's hottest.
 */
export function outcomesOf(rules: Rules, abi: Abi): AbiOutcomes {
  const { numbers, multiplexed, spans } = abi;
  const ordered = spans[0]?.[1] ?? 0;
  const drafts: Drafts = new Map();
  const missing = new Set<string>();
  let newest = -1;
  for (const rule of rules.rules) {
    const { names, result, alternatives } = rule;
    for (let place = 0; place < names.length; place++) {
      const name = names[place] ?? "";
      const number = numbers[name];
      const call = multiplexed?.[name];
      // What an object inherits ("constructor") is not a number.
      if (typeof number === "number") {
        if (number > newest && number < ordered) newest = number;
        if (alternatives.length === 0) addResult(drafts, number, result);
        else for (const alternative of alternatives) addAlternative(drafts, number, alternative);
      } else if (call?.through === undefined) missing.add(name);
      if (call?.through !== undefined) addMultiplexed(drafts, abi, call, rule);
    }
  }
  const outcome = (number: number): Outcome | undefined => {
    const draft = drafts.get(number);
    return typeof draft === "object" ? finish(draft, rules.otherwise) : draft;
  };
  return { outcome, newest: newest < 0 ? undefined : newest, missing };
}
