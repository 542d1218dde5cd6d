/**
 * From the units of version 1, in which linux.resources is written, to those of version 2. Each formula is
 * that of runc (github.com/opencontainers/cgroups) and crun, so that a container means the same under all.
 */
import type { Resources } from "../spec/resources.ts";

/** 0 is taken for "not given" by every runtime; −1 is no limit. */
export type Amount = number | bigint | undefined;

/** The kernel's default period, in microseconds (admin-guide/cgroup-v2, "cpu.max"). */
const DEFAULT_PERIOD = 100_000;

/** As version 1 writes amounts. */
export const amount = (value: Amount): string | undefined => (value ? `${value}` : undefined);

/** As version 2 writes amounts: no limit is "max". */
export const most = (value: Amount): string | undefined =>
  value ? (value < 0 ? "max" : `${value}`) : undefined;

/**
 * cpu.weight (1 to 10,000) for cpu.shares (2 to 262,144), by the formula that runc (since 1.3.2) and crun
 * (since 1.23) share: 10^((l² + 125 l)/612 − 7/34), rounded up, with l = log2 shares. It maps least,
 * default (1,024 to 100) and most.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const l = Math.log2(shares);
  // One fraction, because 7/34 = 126/612: then powers of two give an exact exponent.
  return Math.ceil(10 ** ((l * l + 125 * l - 126) / 612));
}

/**
 * io.weight (1 to 10,000) for blkio.weight (10 to 1,000): 1 + (w − 10) × 9999 / 990, rounded down (runc's
 * ConvertBlkIOToIOWeightValue, crun alike). io.bfq.weight takes the weight as it is.
 */
export const ioWeight = (weight: number): number =>
  weight <= 10 ? 1 : Math.min(10_000, 1 + Math.floor(((weight - 10) * 9999) / 990));

/**
 * memory.swap.max counts swap alone; linux.resources counts memory and swap together, as version 1 did:
 * swap − limit (runc's ConvertMemorySwapToCgroupV2Value). Without a limit of memory there is nothing to
 * take away.
 */
export function swapMax({ memory }: Resources): string | undefined {
  const { limit = 0, swap } = memory ?? {};
  if (!swap) return undefined;
  return swap < 0 ? "max" : `${BigInt(swap) - (limit < 0 ? 0n : BigInt(limit))}`;
}

/** cpu.max holds quota and period: "max" for a quota of −1 or none, 100,000 for no period. */
export function cpuMax({ cpu }: Resources): string | undefined {
  const { quota, period } = cpu ?? {};
  return quota || period ? `${most(quota) ?? "max"} ${period || DEFAULT_PERIOD}` : undefined;
}

/**
 * The same file and words in both versions. Up to runtime-spec 1.2, and for container managers still, 0 is no
 * limit as −1 is.
 */
export const pidsMax = ({ pids }: Resources): string | undefined =>
  pids?.limit === undefined ? undefined : pids.limit > 0 ? `${pids.limit}` : "max";
