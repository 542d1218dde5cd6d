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
import type { Abi } from "./seccomp-abi.ts";

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

/** Tried in order: the first whose tests all hold gives its result. */
export interface Decision {
  readonly alternatives: readonly { readonly tests: readonly Test[]; readonly result: number }[];
  readonly otherwise: number;
}

/** A profile in the form in which every ABI uses it. */
export interface Rules {
  /** What a call gets that no rule matches. */
  readonly otherwise: number;
  /** The default lets calls through: newer calls then need no ENOSYS. */
  readonly permissive: boolean;
  readonly rules: readonly {
    readonly names: readonly string[];
    readonly result: number;
    readonly tests: Test[][];
  }[];
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
 * The conditions of a rule: all of them must hold, unless an argument occurs twice. Then each is a rule of its
 * own (runc, libcontainer/seccomp: what was always meant by profiles such as "personality is 0 or 8").
 */
function testsOf(args: readonly SeccompArgument[], path: string): Test[][] {
  const tests = args.map((argument, place) => testOf(argument, `${path}.args[${place}]`));
  const twice = new Set(tests.map((test) => test.index)).size < tests.length;
  return twice ? tests.map((test) => [test]) : [tests];
}

function ruleOf(syscall: SeccompSyscall, place: number): Rules["rules"][number] {
  const path = `linux.seccomp.syscalls[${place}]`;
  return {
    names: syscall.names,
    result: resultOf(syscall.action, syscall.errnoRet, `${path}.action`, `${path}.errnoRet`),
    tests: testsOf(syscall.args ?? [], path),
  };
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

interface Entry {
  readonly tests: readonly Test[];
  readonly result: number;
}

const lets = (result: number): boolean => result >= SECCOMP_RET_TRACE && result <= SECCOMP_RET_ALLOW;

/**
 * The calls behind a multiplexer. Their own arguments lie in memory a filter cannot read: a rule without
 * conditions selects the call; one with conditions selects it if the rule refuses (the whole call is then
 * refused) and not if it allows (what cannot be checked is not let through).
 */
function* multiplexed(abi: Abi, name: string, entry: Entry): Generator<readonly [number, Entry]> {
  if (entry.tests.length > 0 && lets(entry.result)) return;
  for (const { name: through, mask, calls } of abi.multiplexers) {
    const number = abi.numbers[through];
    const selector = Object.hasOwn(calls, name) ? calls[name] : undefined;
    if (number === undefined || selector === undefined) continue;
    const test: Test = { index: 0, op: "eq", holds: true, mask, value: BigInt(selector) };
    yield [number, { tests: [test], result: entry.result }];
  }
}

function decide(entries: readonly Entry[], otherwise: number): Decision {
  const last = entries.findIndex((entry) => entry.tests.length === 0);
  const alternatives = last < 0 ? [...entries] : entries.slice(0, last);
  const rest = entries[last]?.result ?? otherwise;
  while (alternatives.at(-1)?.result === rest) alternatives.pop();
  return { alternatives, otherwise: rest };
}

export interface AbiDecisions {
  readonly numbers: ReadonlyMap<number, Decision>;
  /**
   * The newest call the profile names. Who wrote the profile cannot have meant the calls that are younger:
   * where the default refuses, they get ENOSYS, so that libc falls back to what it did before (as in runc).
   */
  readonly newest: number | undefined;
}

/** What each number gets on one ABI. Rules are tried in the order of the profile. `known` collects names. */
export function decisionsOf(rules: Rules, abi: Abi, known: Set<string>): AbiDecisions {
  const entries = new Map<number, Entry[]>();
  let newest: number | undefined;
  const add = (number: number, entry: Entry) => {
    const list = entries.get(number);
    if (list === undefined) entries.set(number, [entry]);
    else list.push(entry);
  };
  for (const { names, result, tests } of rules.rules) {
    for (const name of names) {
      const number = Object.hasOwn(abi.numbers, name) ? abi.numbers[name] : undefined;
      if (number !== undefined) {
        known.add(name);
        if (number < abi.unordered && (newest === undefined || number > newest)) newest = number;
        for (const each of tests) add(number, { tests: each, result });
      }
      if (abi.multiplexers.length === 0) continue;
      for (const each of tests) {
        for (const [through, entry] of multiplexed(abi, name, { tests: each, result })) {
          known.add(name);
          add(through, entry);
        }
      }
    }
  }
  const numbers = new Map<number, Decision>();
  for (const [number, list] of entries) numbers.set(number, decide(list, rules.otherwise));
  return { numbers, newest };
}
