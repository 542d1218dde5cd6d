/** What a container uses, from its cgroups of either version. */
import { amountOf, pairsOf, type ReadFile, UNLIMITED } from "../cgroup/read.ts";

/** What is not counted for this container is undefined. */
export interface Stats {
  readonly memory: {
    /** Bytes. */
    readonly usage: number | undefined;
    /** The most so far, bytes. */
    readonly peak: number | undefined;
    /** Bytes; Infinity for none. */
    readonly limit: number | undefined;
  };
  readonly cpu: {
    /** Seconds of all processors together. */
    readonly usage: number | undefined;
  };
  readonly pids: {
    readonly current: number | undefined;
    /** Infinity for none. */
    readonly limit: number | undefined;
  };
  /** How many processes the kernel has killed for want of memory. */
  readonly oomKills: number;
}

/** Version 1 says "no limit" by the largest multiple of a page. */
const NO_LIMIT_V1 = 0x7fff_ffff_ffff_0000n;

function numberOf(amount: bigint | undefined): number | undefined {
  if (amount === undefined) return undefined;
  return amount === UNLIMITED || amount >= NO_LIMIT_V1 ? Number.POSITIVE_INFINITY : Number(amount);
}

/** Seconds, from nanoseconds of version 1 or microseconds of version 2. */
function cpuSeconds(read: ReadFile): number | undefined {
  const nanoseconds = amountOf(read("cpuacct.usage"));
  if (nanoseconds !== undefined) return Number(nanoseconds) / 1e9;
  const microseconds = pairsOf(read("cpu.stat"))["usage_usec"];
  return microseconds === undefined ? undefined : Number(microseconds) / 1e6;
}

export function readStats(read: ReadFile): Stats {
  const either = (v1: string, v2: string): number | undefined => numberOf(amountOf(read(v1) ?? read(v2)));
  return {
    memory: {
      usage: either("memory.usage_in_bytes", "memory.current"),
      peak: either("memory.max_usage_in_bytes", "memory.peak"),
      limit: either("memory.limit_in_bytes", "memory.max"),
    },
    cpu: { usage: cpuSeconds(read) },
    pids: { current: either("pids.current", "pids.current"), limit: either("pids.max", "pids.max") },
    oomKills: Number(pairsOf(read("memory.events") ?? read("memory.oom_control"))["oom_kill"] ?? 0n),
  };
}
