/** The seccomp compiler: an OCI `linux.seccomp` object to the classic BPF program seccomp(2) takes. */
import type { Arch } from "../linux/arch.ts";
import { ERRNO } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_MAXINSNS,
  SECCOMP_DATA_ARCH,
  SECCOMP_DATA_ARGS,
  SECCOMP_DATA_NR,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SOCK_FILTER_SIZE,
  X32_SYSCALL_BIT,
} from "../linux/seccomp.ts";
import type { Seccomp, SeccompArchitecture, SeccompFlag } from "../spec/seccomp.ts";
import { type Abi, abisOf } from "./seccomp-abi.ts";
import { type Assembler, assembler, type Target } from "./seccomp-bpf.ts";
import {
  type AbiOutcomes,
  type Decision,
  type Outcome,
  outcomesOf,
  type Rules,
  readRules,
  type Test,
} from "./seccomp-rule.ts";

export interface CompiledSeccomp {
  /** struct sock_filter[]. */
  readonly program: Uint8Array;
  /** Flags of seccomp(SECCOMP_SET_MODE_FILTER). */
  readonly flags: number;
  /** Names that none of the filter's ABIs has: skipped, as in runc, since profiles name those of all. */
  readonly unknownSyscalls: readonly string[];
  /** Listed architectures this kernel cannot serve; they change nothing. */
  readonly ignoredArchitectures: readonly SeccompArchitecture[];
}

const FLAGS: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

const NOT_IMPLEMENTED = SECCOMP_RET_ERRNO + ERRNO.ENOSYS;
const MASK_32 = 0xffffffffn;

/** From `start` up to the next segment every number gets the same. */
interface Segment {
  readonly start: number;
  readonly outcome: Outcome;
}

/** Decisions that say the same become the same object, so that segments compare by identity. */
function unifier(): (outcome: Outcome) => Outcome {
  const known = new Map<string, Decision>();
  return (outcome) => {
    if (typeof outcome === "number") return outcome;
    const key = `${outcome.alternatives.map(({ id }) => id).join()} ${outcome.otherwise}`;
    const same = known.get(key);
    if (same === undefined) known.set(key, outcome);
    return same ?? outcome;
  };
}

/** The numbers of one ABI as segments; those no rule is about get the default, or ENOSYS when too new. */
function segmentsOf(rules: Rules, abi: Abi, { outcome, newest }: AbiOutcomes): Segment[] {
  /** The last number whose default is the profile's. */
  const limit = rules.permissive || newest === undefined ? Number.POSITIVE_INFINITY : newest;
  const segments: Segment[] = [];
  const unify = unifier();
  let last: Outcome | undefined;
  const add = (start: number, next: Outcome) => {
    if (next !== last) segments.push({ start, outcome: next });
    last = next;
  };
  for (const [start, end] of abi.spans) {
    // Every number of the span is asked: cheaper than to sort those that rules are about.
    for (let number = start; number < end; number++) {
      const own = outcome(number);
      if (own !== undefined) add(number, unify(own));
      else add(number, number <= limit ? rules.otherwise : NOT_IMPLEMENTED);
    }
    add(end, end <= limit ? rules.otherwise : NOT_IMPLEMENTED);
  }
  return segments;
}

/** Where to go when a test fails, and where when the accumulator still holds the word that test looked at. */
interface Entry {
  readonly target: Target;
  readonly loaded?: { readonly word: string; readonly target: Target };
}

/**
 * One test of an argument, high word first; `yes` and `no` may be entered with anything in the
 * accumulator.
 */
function emitTest(code: Assembler, test: Test, narrow: boolean, yes: Target, no: Entry): Entry {
  const low = SECCOMP_DATA_ARGS + 8 * test.index;
  const full = narrow ? MASK_32 : (MASK_32 << 32n) | MASK_32;
  const mask = (test.mask ?? full) & full;
  const word = (bits: bigint) => Number(bits & MASK_32);
  const high = (bits: bigint) => Number((bits >> 32n) & MASK_32);
  const masked = (bits: number, next: Target) => (bits === 0xffffffff ? next : code.and(bits, next));
  const [holds, fails] = test.holds ? [yes, no.target] : [no.target, yes];

  if (high(mask) === 0) {
    // Only the low word counts. A test for other values of the same word need not load it again.
    const name = `${low} ${mask}`;
    const other = no.loaded?.word === name ? no.loaded.target : no.target;
    const [holdsHere, failsHere] = test.holds ? [yes, other] : [other, yes];
    const op = test.op === "eq" ? BPF_JEQ : test.op === "gt" ? BPF_JGT : BPF_JGE;
    const compare = code.branch(op, word(test.value), holdsHere, failsHere);
    return {
      target: code.load(low, masked(word(mask), compare)),
      loaded: { word: name, target: compare },
    };
  }
  if (test.op === "eq") {
    const below = code.branch(BPF_JEQ, word(test.value), holds, fails);
    const lowWord = code.load(low, masked(word(mask), below));
    const above = code.branch(BPF_JEQ, high(test.value), lowWord, fails);
    return { target: code.load(low + 4, masked(high(mask), above)) };
  }
  const below = code.branch(test.op === "gt" ? BPF_JGT : BPF_JGE, word(test.value), holds, fails);
  const lowWord = code.load(low, below);
  const equal = code.branch(BPF_JEQ, high(test.value), lowWord, fails);
  return { target: code.load(low + 4, code.branch(BPF_JGT, high(test.value), holds, equal)) };
}

function emitDecision(code: Assembler, decision: Decision, narrow: boolean): Target {
  let next: Entry = { target: { result: decision.otherwise } };
  for (const { tests, result } of decision.alternatives.toReversed()) {
    let entry: Entry = { target: { result } };
    for (const test of tests.toReversed()) entry = emitTest(code, test, narrow, entry.target, next);
    next = entry;
  }
  return next.target;
}

/** A balanced tree over the segments, entered with the number in the accumulator. */
function emitTree(code: Assembler, segments: readonly Segment[], narrow: boolean): Target {
  const decisions = new Map<Outcome, Target>();
  // All decisions that look at arguments first: the tree then stays together, and its jumps short.
  for (const { outcome } of segments) {
    if (typeof outcome === "number" || decisions.has(outcome)) continue;
    decisions.set(outcome, emitDecision(code, outcome, narrow));
  }
  const leaf = (outcome: Outcome): Target =>
    typeof outcome === "number"
      ? { result: outcome }
      : (decisions.get(outcome) ?? { result: outcome.otherwise });
  const tree = (low: number, high: number): Target => {
    const middle = (low + high + 1) >> 1;
    const segment = segments[middle];
    if (segment === undefined) throw new RangeError(`segment ${middle} of ${segments.length}`);
    if (low === high) return leaf(segment.outcome);
    const right = tree(middle, high);
    const left = tree(low, middle - 1);
    return code.branch(BPF_JGE, segment.start, right, left);
  };
  return tree(0, segments.length - 1);
}

function chooseAbis(listed: readonly SeccompArchitecture[], arch: Arch) {
  const all = abisOf(arch);
  const served = all.filter((abi, place) => place === 0 || listed.includes(abi.architecture));
  const ignored = listed.filter((name) => !all.some((abi) => abi.architecture === name));
  return { served, ignored };
}

/** The whole filter: which ABI, then which number. `outcomes` begins with the native ABI. */
function emitFilter(rules: Rules, outcomes: ReadonlyMap<Abi, AbiOutcomes>): Uint8Array {
  const code = assembler();
  let check: Target = { result: SECCOMP_RET_KILL_PROCESS };
  // The last one written is the first one asked: the native ABI.
  for (const [abi, own] of [...outcomes].reverse()) {
    if (abi.architecture === "SCMP_ARCH_X32") continue;
    const segments = segmentsOf(rules, abi, own);
    if (abi.architecture === "SCMP_ARCH_X86_64") segments.push(...x32Segments(rules, outcomes));
    const tree = code.load(SECCOMP_DATA_NR, emitTree(code, segments, abi.narrow));
    check = code.branch(BPF_JEQ, abi.audit, tree, check);
  }
  return code.finish(code.load(SECCOMP_DATA_ARCH, check));
}

/** x32 shares its AUDIT_ARCH with x86_64, and lies above a bit of the numbers. */
function x32Segments(rules: Rules, outcomes: ReadonlyMap<Abi, AbiOutcomes>): Segment[] {
  for (const [abi, own] of outcomes) {
    if (abi.architecture === "SCMP_ARCH_X32") return segmentsOf(rules, abi, own);
  }
  // Not listed, it is answered as by a kernel without it; the default would be a way around the rules.
  return [{ start: X32_SYSCALL_BIT, outcome: NOT_IMPLEMENTED }];
}

/**
 * Compiles a profile for one architecture of the machine.
 *
 * - The machine's own ABI is always filtered; others only if `architectures` lists them. A call through
 *   an ABI that is not listed kills the process; through x32 it gets ENOSYS. Architectures that no kernel
 *   for this machine serves are skipped and returned.
 * - Rules are tried in the order of the profile, the first that matches decides.
 * - Where the default action refuses, calls younger than the newest one the profile names get ENOSYS.
 * - Arguments are compared unsigned, all 64 bits; on 32-bit ABIs the low 32.
 * - A rule for a call that i386 reaches through socketcall or ipc applies there too.
 *
 * Throws HutchError for a profile that cannot be compiled: SCMP_ACT_NOTIFY, values out of range, or a
 * program of more than 4096 instructions (BPF_MAXINSNS).
 */
export function compileSeccomp(profile: Seccomp, arch: Arch): CompiledSeccomp {
  const rules = readRules(profile);
  let flags = 0;
  profile.flags?.forEach((flag, place) => {
    if (!Object.hasOwn(FLAGS, flag)) {
      throw new HutchError({ operation: `linux.seccomp.flags[${place}]`, reason: `"${flag}" is not a flag` });
    }
    flags |= FLAGS[flag];
  });
  const { served, ignored } = chooseAbis(profile.architectures ?? [], arch);
  const outcomes = new Map(served.map((abi) => [abi, outcomesOf(rules, abi)]));
  const program = emitFilter(rules, outcomes);
  const length = program.length / SOCK_FILTER_SIZE;
  if (length > BPF_MAXINSNS) {
    throw new HutchError({
      operation: "linux.seccomp",
      reason: `the filter has ${length} instructions, and the kernel takes ${BPF_MAXINSNS}`,
      hint: "fewer argument conditions make it shorter",
    });
  }
  const [native, ...others] = [...outcomes.values()];
  const unknown = [...(native?.missing ?? [])].filter((name) =>
    others.every(({ missing }) => missing.has(name)),
  );
  return { program, flags, unknownSyscalls: unknown, ignoredArchitectures: ignored };
}
