/** New limits for a container that is there: what to write into the files of its cgroups. */
import { HutchError } from "../linux/error.ts";
import type { Cpu, Memory, Resources } from "../spec/resources.ts";
import { refuseImpossible, settingsOf, type Version } from "./limits.ts";
import { amountOf, isV2, listOf, type ReadFile, UNLIMITED } from "./read.ts";
import type { Setting } from "./setting.ts";

const SWAP_FILES = ["memory.memsw.limit_in_bytes", "memory.swap.max"];

/** Version 1 writes no limit as the largest multiple of a page. */
const UNLIMITED_V1 = 2n ** 62n;

/** A limit of memory as linux.resources writes it. */
function memoryLimit(read: ReadFile): bigint | number {
  const limit = amountOf(read("memory.max")) ?? amountOf(read("memory.limit_in_bytes")) ?? UNLIMITED;
  return limit >= UNLIMITED_V1 ? -1 : limit;
}

/** The other half of cpu.max, which is written whole. */
function cpuNow(read: ReadFile): { readonly quota: number; readonly period: number | undefined } {
  const text = read("cpu.max");
  const [first, second] = listOf(text).map(Number);
  if (text?.startsWith("max")) return { quota: -1, period: first };
  return { quota: first ?? -1, period: second };
}

function completedCpu(cpu: Cpu, read: ReadFile): Cpu {
  if (!isV2(read) || !(cpu.quota || cpu.period)) return cpu;
  const now = cpuNow(read);
  const period = cpu.period || now.period;
  return { ...cpu, quota: cpu.quota || now.quota, ...(period === undefined ? {} : { period }) };
}

/** Swap that is counted together with memory cannot stay limited where memory is not, so runc lifts both. */
function completedMemory(memory: Memory, read: ReadFile): Memory {
  if (memory.swap && !memory.limit) return { ...memory, limit: memoryLimit(read) };
  const countsSwap = SWAP_FILES.some((file) => read(file) !== undefined);
  return Number(memory.limit) === -1 && !memory.swap && countsSwap ? { ...memory, swap: -1 } : memory;
}

/**
 * The resources with what they leave open taken from the cgroup, where a file holds two values or one counts
 * from another. A limit of 0 processes, which is none for a new container, is not given in an update, as
 * under runc and crun: who sends all fields of a form lifts no limit by one that was left empty.
 */
export function completed({ pids, ...resources }: Resources, read: ReadFile): Resources {
  const { memory, cpu } = resources;
  return {
    ...resources,
    ...(pids === undefined || pids.limit === 0 ? {} : { pids }),
    ...(memory === undefined ? {} : { memory: completedMemory(memory, read) }),
    ...(cpu === undefined ? {} : { cpu: completedCpu(cpu, read) }),
  };
}

/**
 * The resources as systemd is told of them, which keeps of quota and period their share alone: on version 1,
 * where each has a file of its own, the other is read from there, or it would be taken for no limit.
 */
export function told(resources: Resources, read: ReadFile): Resources {
  const { cpu } = resources;
  if (cpu === undefined || isV2(read) || !(cpu.quota || cpu.period)) return resources;
  const quota = cpu.quota || Number(amountOf(read("cpu.cfs_quota_us")) ?? -1);
  const period = cpu.period || Number(amountOf(read("cpu.cfs_period_us")) ?? 0);
  return { ...resources, cpu: { ...cpu, quota, period } };
}

/** The resources with a wish for checkBeforeUpdate that was told earlier, as runc remembers it. */
export function checking(resources: Resources, checks: boolean | undefined): Resources {
  const { memory } = resources;
  if (memory === undefined || memory.checkBeforeUpdate !== undefined || checks === undefined)
    return resources;
  return { ...resources, memory: { ...memory, checkBeforeUpdate: checks } };
}

/**
 * checkBeforeUpdate: refuses a limit that the container is over already, for which version 2 would kill it;
 * version 1 refuses by itself (config-linux.md, "Memory").
 */
function checkUsage({ memory }: Resources, read: ReadFile): void {
  if (memory?.checkBeforeUpdate !== true) return;
  const usage = amountOf(read("memory.current")) ?? 0n;
  const swapped = amountOf(read("memory.swap.current")) ?? 0n;
  for (const [field, used] of [
    ["limit", usage],
    ["swap", usage + swapped],
  ] as const) {
    const most = memory[field] ?? 0;
    if (most <= 0 || BigInt(most) > used) continue;
    throw new HutchError({
      operation: `memory.${field}: ${most}`,
      reason: `the container uses ${used} bytes already`,
      hint: "memory.checkBeforeUpdate asks for this error; without it the kernel frees memory, or kills",
    });
  }
}

const versionOf = (read: ReadFile): Version => (isV2(read) ? "v2" : "v1");

/** Throws HutchError for what the container's version of cgroups cannot do. */
export const refuseUpdate = (resources: Resources, read: ReadFile): void =>
  refuseImpossible(resources, versionOf(read), { name: "update", prefix: "" });

/** Everything in the files of the container's cgroups but for devices. */
export function updateSettings(resources: Resources, read: ReadFile): Setting[] {
  const version = versionOf(read);
  if (version === "v2") checkUsage(resources, read);
  return settingsOf(resources, version);
}
