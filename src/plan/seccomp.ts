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
import { type Decision, decisionsOf, type Rules, readRules, type Test } from "./seccomp-rule.ts";

export interface CompiledSeccomp {
  /** struct sock_filter[]. */
  readonly program: Uint8Array;
  /** Flags of seccomp(SECCOMP_SET_MODE_FILTER). */
  readonly flags: number;
  /** Names that none of the filter's ABIs has: skipped, as every runtime does, since profiles name them all. */
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

/** From `start` up to the next segment every number gets the same decision. */
interface Segment {
  readonly start: number;
  readonly key: string;
  readonly decision: Decision;
}

const always = (result: number): Decision => ({ alternatives: [], otherwise: result });

function keyOf(decision: Decision): string {
  if (decision.alternatives.length === 0) return String(decision.otherwise);
  return JSON.stringify(decision, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

/** The numbers of one ABI from `first` on as segments; unlisted ones get the default, or ENOSYS when too new. */
function segmentsOf(rules: Rules, abi: Abi, first: number, known: Set<string>): Segment[] {
  const { numbers, newest } = decisionsOf(rules, abi, known);
  const unlisted = always(rules.otherwise);
  const young = always(NOT_IMPLEMENTED);
  /** The last number whose default is the profile's. */
  const limit = rules.permissive || newest === undefined ? Number.POSITIVE_INFINITY : newest;
  const segments: Segment[] = [];
  const add = (start: number, decision: Decision) => {
    const key = keyOf(decision);
    if (segments.at(-1)?.key !== key) segments.push({ start, key, decision });
  };
  let next = first;
  const fill = (end: number) => {
    if (next < end && next <= limit) add(next, unlisted);
    const edge = Math.max(next, limit + 1);
    if (edge < end) add(edge, young);
  };
  for (const number of [...numbers.keys()].sort((one, two) => one - two)) {
    fill(number);
    add(number, numbers.get(number) ?? unlisted);
    next = number + 1;
  }
  fill(Number.POSITIVE_INFINITY);
  return segments;
}

/** Where to go when a test fails, and where when the accumulator still holds the word that test looked at. */
interface Entry {
  readonly target: Target;
  readonly loaded?: { readonly word: string; readonly target: Target };
}

/** One test of an argument, high word first; `yes` and `no` may be entered with anything in the accumulator. */
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
  const decisions = new Map<string, Target>();
  // All decisions that look at arguments first: the tree then stays together, and its jumps short.
  for (const { key, decision } of segments) {
    if (!decisions.has(key)) decisions.set(key, emitDecision(code, decision, narrow));
  }
  const tree = (low: number, high: number): Target => {
    const only = segments[low];
    if (only === undefined) throw new RangeError(`segment ${low} of ${segments.length}`);
    if (low === high) return decisions.get(only.key) ?? { result: only.decision.otherwise };
    const middle = (low + high + 1) >> 1;
    const right = tree(middle, high);
    const left = tree(low, middle - 1);
    return code.branch(BPF_JGE, segments[middle]?.start ?? 0, right, left);
  };
  return tree(0, segments.length - 1);
}

/** The segments of all ABIs that share an AUDIT_ARCH: x86_64, and x32 above its bit. */
function nativeSegments(rules: Rules, native: Abi, x32: Abi | undefined, known: Set<string>): Segment[] {
  const segments = segmentsOf(rules, native, 0, known);
  if (native.architecture !== "SCMP_ARCH_X86_64") return segments;
  // Not listed, x32 is answered as a kernel without it answers; any other answer would leave a way around.
  const upper: Segment[] =
    x32 === undefined
      ? [{ start: X32_SYSCALL_BIT, key: String(NOT_IMPLEMENTED), decision: always(NOT_IMPLEMENTED) }]
      : segmentsOf(rules, x32, X32_SYSCALL_BIT, known);
  return [...segments, ...upper].filter((segment, place, all) => segment.key !== all[place - 1]?.key);
}

function chooseAbis(listed: readonly SeccompArchitecture[], arch: Arch) {
  const all = abisOf(arch);
  const served = all.filter((abi, place) => place === 0 || listed.includes(abi.architecture));
  const ignored = listed.filter((name) => !all.some((abi) => abi.architecture === name));
  return { served, ignored };
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
  const known = new Set<string>();
  const code = assembler();

  let check: Target = { result: SECCOMP_RET_KILL_PROCESS };
  const [native, ...compat] = served;
  if (native === undefined) throw new RangeError(`no ABI for ${arch}`);
  const x32 = compat.find((abi) => abi.audit === native.audit);
  for (const abi of [...compat.filter((other) => other !== x32), native]) {
    const segments =
      abi === native ? nativeSegments(rules, native, x32, known) : segmentsOf(rules, abi, 0, known);
    const tree = code.load(SECCOMP_DATA_NR, emitTree(code, segments, abi.narrow));
    check = code.branch(BPF_JEQ, abi.audit, tree, check);
  }
  const program = code.finish(code.load(SECCOMP_DATA_ARCH, check));
  const length = program.length / SOCK_FILTER_SIZE;
  if (length > BPF_MAXINSNS) {
    throw new HutchError({
      operation: "linux.seccomp",
      reason: `the filter has ${length} instructions, and the kernel takes ${BPF_MAXINSNS}`,
      hint: "fewer argument conditions make it shorter",
    });
  }
  const names = new Set(rules.rules.flatMap((rule) => rule.names));
  return {
    program,
    flags,
    unknownSyscalls: [...names].filter((name) => !known.has(name)),
    ignoredArchitectures: ignored,
  };
}
