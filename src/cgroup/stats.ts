/** What a container uses, in the shape of runc's events, which engines read. */
import { amountOf, listOf, pairsOf, type ReadFile, rangesOf, UNLIMITED } from "./read.ts";

/** JSON whose whole numbers stay exact. */
export type Json =
  | bigint
  | number
  | string
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** Nanoseconds of one tick of cpuacct.stat (USER_HZ is 100 on every architecture that hutch knows). */
const TICK_NS = 10_000_000n;
const MICROSECOND_NS = 1000n;

/** An amount that runc leaves out when it is 0. */
const some = (value: bigint | undefined): bigint | undefined => (value === 0n ? undefined : value);

const entry = (
  limit: bigint | undefined,
  usage: bigint | undefined,
  max: bigint | undefined,
  failcnt: bigint | undefined,
): Json => ({ limit: limit ?? 0n, usage: some(usage), max: some(max), failcnt: failcnt ?? 0n });

const entryV1 = (read: ReadFile, name: string): Json =>
  entry(
    amountOf(read(`${name}.limit_in_bytes`)),
    amountOf(read(`${name}.usage_in_bytes`)),
    amountOf(read(`${name}.max_usage_in_bytes`)),
    amountOf(read(`${name}.failcnt`)),
  );

/** cpuacct.usage_all: a head, then "cpu user system" lines, in nanoseconds. */
function eachCpu(text: string | undefined): { user: bigint[]; kernel: bigint[] } {
  const rows = (text ?? "")
    .split("\n")
    .slice(1)
    .map(listOf)
    .filter((row) => row.length === 3);
  return { user: rows.map((row) => row[1] ?? 0n), kernel: rows.map((row) => row[2] ?? 0n) };
}

const listed = (list: readonly bigint[]): readonly bigint[] | undefined =>
  list.length > 0 ? list : undefined;

function cpuV1(read: ReadFile): Json {
  const throttling = pairsOf(read("cpu.stat"));
  const ticks = pairsOf(read("cpuacct.stat"));
  const { user, kernel } = eachCpu(read("cpuacct.usage_all"));
  return {
    usage: {
      total: some(amountOf(read("cpuacct.usage"))),
      percpu: listed(listOf(read("cpuacct.usage_percpu"))),
      percpu_kernel: listed(kernel),
      percpu_user: listed(user),
      kernel: (ticks["system"] ?? 0n) * TICK_NS,
      user: (ticks["user"] ?? 0n) * TICK_NS,
    },
    throttling: {
      periods: some(throttling["nr_periods"]),
      throttledPeriods: some(throttling["nr_throttled"]),
      throttledTime: some(throttling["throttled_time"]),
    },
  };
}

function cpuV2(read: ReadFile): Json {
  const stat = pairsOf(read("cpu.stat"));
  const time = (name: string): bigint => (stat[name] ?? 0n) * MICROSECOND_NS;
  return {
    usage: { total: some(time("usage_usec")), kernel: time("system_usec"), user: time("user_usec") },
    throttling: {
      periods: some(stat["nr_periods"]),
      throttledPeriods: some(stat["nr_throttled"]),
      throttledTime: some(time("throttled_usec")),
    },
  };
}

function memoryV1(read: ReadFile): Json {
  const raw = pairsOf(read("memory.stat"));
  return {
    cache: some(raw["cache"]),
    usage: entryV1(read, "memory"),
    swap: entryV1(read, "memory.memsw"),
    kernel: entryV1(read, "memory.kmem"),
    kernelTCP: entryV1(read, "memory.kmem.tcp"),
    raw,
  };
}

/** Memory and swap together, as version 1 counts. */
const sum = (one: bigint | undefined, other: bigint | undefined): bigint | undefined => {
  if (one === UNLIMITED || other === UNLIMITED) return UNLIMITED;
  return one === undefined || other === undefined ? undefined : one + other;
};

function memoryV2(read: ReadFile): Json {
  const raw = pairsOf(read("memory.stat"));
  const events = pairsOf(read("memory.events"));
  const limit = amountOf(read("memory.max"));
  const usage = amountOf(read("memory.current"));
  return {
    cache: some(raw["file"]),
    usage: entry(limit, usage, amountOf(read("memory.peak")), events["max"]),
    swap: entry(
      sum(limit, amountOf(read("memory.swap.max"))),
      sum(usage, amountOf(read("memory.swap.current"))),
      undefined,
      undefined,
    ),
    kernel: entry(undefined, raw["kernel"], undefined, undefined),
    kernelTCP: entry(undefined, raw["sock"], undefined, undefined),
    raw,
  };
}

const CPUSET_FLAGS = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
] as const;

/** Empty for a container without a cpuset cgroup of its own. */
function cpuset(read: ReadFile): Json {
  const level = read("cpuset.sched_relax_domain_level")?.trim();
  return {
    cpus: rangesOf(read("cpuset.cpus") ?? read("cpuset.cpus.effective")),
    mems: rangesOf(read("cpuset.mems") ?? read("cpuset.mems.effective")),
    ...Object.fromEntries(CPUSET_FLAGS.map((name) => [name, amountOf(read(`cpuset.${name}`))])),
    sched_relax_domain_level: level === undefined ? undefined : Number(level),
  };
}

/** "8:0 Read 4096"; the line of the total has no device. */
function entriesV1(text: string | undefined): Json | undefined {
  const entries = [...(text ?? "").matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(
    ([, major = "", minor = "", op = "", value = ""]) => ({
      major: BigInt(major),
      minor: some(BigInt(minor)),
      op,
      value: some(BigInt(value)),
    }),
  );
  return entries.length > 0 ? entries : undefined;
}

const BLKIO_V1 = [
  [
    "ioServiceBytesRecursive",
    ["blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive"],
  ],
  ["ioServicedRecursive", ["blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"]],
  ["ioQueueRecursive", ["blkio.bfq.io_queued_recursive"]],
  ["ioServiceTimeRecursive", ["blkio.bfq.io_service_time_recursive"]],
  ["ioWaitTimeRecursive", ["blkio.bfq.io_wait_time_recursive"]],
  ["ioMergedRecursive", ["blkio.bfq.io_merged_recursive"]],
  ["ioTimeRecursive", ["blkio.bfq.time_recursive"]],
  ["sectorsRecursive", ["blkio.bfq.sectors_recursive"]],
] as const;

const blkioV1 = (read: ReadFile): Json =>
  Object.fromEntries(
    BLKIO_V1.map(([name, files]) => [name, files.map((file) => entriesV1(read(file))).find((each) => each)]),
  );

/** "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …". */
function blkioV2(read: ReadFile): Json {
  const rows = [...(read("io.stat") ?? "").matchAll(/^(\d+):(\d+) (.*)$/gm)];
  const pick = (words: readonly (readonly [key: string, op: string])[]): Json | undefined => {
    const entries = rows.flatMap(([, major = "", minor = "", rest = ""]) =>
      words.map(([key, op]) => ({
        major: BigInt(major),
        minor: some(BigInt(minor)),
        op,
        value: some(BigInt(new RegExp(`\\b${key}=(\\d+)`).exec(rest)?.[1] ?? 0)),
      })),
    );
    return entries.length > 0 ? entries : undefined;
  };
  return {
    ioServiceBytesRecursive: pick([
      ["rbytes", "Read"],
      ["wbytes", "Write"],
    ]),
    ioServicedRecursive: pick([
      ["rios", "Read"],
      ["wios", "Write"],
    ]),
  };
}

function pids(read: ReadFile): Json {
  const limit = amountOf(read("pids.max"));
  return { current: some(amountOf(read("pids.current"))), limit: limit === UNLIMITED ? undefined : limit };
}

/** The statistics of a container; version 2 has a cgroup.controllers in each of its directories. */
export function statsOf(read: ReadFile): Json {
  const isV2 = read("cgroup.controllers") !== undefined;
  return {
    cpu: isV2 ? cpuV2(read) : cpuV1(read),
    cpuset: cpuset(read),
    memory: isV2 ? memoryV2(read) : memoryV1(read),
    pids: pids(read),
    blkio: isV2 ? blkioV2(read) : blkioV1(read),
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** How often the kernel has killed a process of the container for want of memory. */
export const oomKills = (read: ReadFile): bigint =>
  pairsOf(read("memory.events") ?? read("memory.oom_control"))["oom_kill"] ?? 0n;

/** As JSON.stringify, with bigints as numbers. */
export function jsonText(value: Json): string {
  if (typeof value === "bigint") return `${value}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(jsonText).join(",")}]`;
  const members = Object.entries(value).flatMap(([name, member]) =>
    member === undefined ? [] : [`${JSON.stringify(name)}:${jsonText(member)}`],
  );
  return `{${members.join(",")}}`;
}

const isList = (value: object): value is readonly Json[] => Array.isArray(value);
