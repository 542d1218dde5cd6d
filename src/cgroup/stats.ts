/** What a container uses, in the shape of runc's events, which engines read. */
import { hugePages } from "./huge-pages.ts";
import type { Json } from "./json.ts";
import { pressure } from "./pressure.ts";
import { amountOf, isV2, listOf, pairsOf, type ReadFile, rangesOf, UNLIMITED } from "./read.ts";

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

const listed = <T extends Json>(list: readonly T[]): readonly T[] | undefined =>
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
    psi: pressure(read("cpu.pressure")),
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
    psi: pressure(read("cpu.pressure")),
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
    psi: pressure(read("memory.pressure")),
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
      pairsOf(read("memory.swap.events"))["max"],
    ),
    kernel: entry(undefined, raw["kernel"], undefined, undefined),
    kernelTCP: entry(undefined, raw["sock"], undefined, undefined),
    raw,
    psi: pressure(read("memory.pressure")),
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

/** Version 2 tells by `cpuset.cpus` what was asked for, which may be nothing, and has no flags. */
const allowed = (read: ReadFile, name: "cpus" | "mems"): Json | undefined =>
  listed(rangesOf(read(`cpuset.${name}.effective`) ?? read(`cpuset.${name}`)));

/** Without numbers for a container that has no cpuset cgroup of its own. */
const cpuset = (read: ReadFile): Json => ({
  cpus: allowed(read, "cpus"),
  mems: allowed(read, "mems"),
  ...Object.fromEntries(CPUSET_FLAGS.map((name) => [name, amountOf(read(`cpuset.${name}`)) ?? 0n])),
  sched_relax_domain_level: Number(read("cpuset.sched_relax_domain_level")?.trim() ?? 0),
});

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

const blkioV1 = (read: ReadFile): Json => ({
  ...Object.fromEntries(
    BLKIO_V1.map(([name, files]) => [name, files.map((file) => entriesV1(read(file))).find((each) => each)]),
  ),
  psi: pressure(read("io.pressure")),
});

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
    psi: pressure(read("io.pressure")),
  };
}

function pids(read: ReadFile): Json {
  const limit = amountOf(read("pids.max"));
  return { current: some(amountOf(read("pids.current"))), limit: limit === UNLIMITED ? undefined : limit };
}

/** The statistics of a container; `pageSizes` are those of huge pages, as names of files have them: "2MB". */
export function statsOf(read: ReadFile, pageSizes: readonly string[] = []): Json {
  const unified = isV2(read);
  return {
    cpu: unified ? cpuV2(read) : cpuV1(read),
    cpuset: cpuset(read),
    memory: unified ? memoryV2(read) : memoryV1(read),
    pids: pids(read),
    blkio: unified ? blkioV2(read) : blkioV1(read),
    hugetlb: hugePages(read, pageSizes, unified),
    intel_rdt: {},
    network_interfaces: null,
  };
}
