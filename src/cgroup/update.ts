/** New limits for a container that is there: what to write into the files of its cgroups. */
import type { Cpu, Memory, Resources } from "../spec/resources.ts";
import { amountOf, listOf, type ReadFile, UNLIMITED } from "./read.ts";
import type { Setting } from "./setting.ts";
import { settingsV1 } from "./v1.ts";
import { settingsV2 } from "./v2.ts";

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

const isV2 = (read: ReadFile): boolean => read("cgroup.controllers") !== undefined;

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
 * from another.
 */
export function completed(resources: Resources, read: ReadFile): Resources {
  const { memory, cpu } = resources;
  return {
    ...resources,
    ...(memory === undefined ? {} : { memory: completedMemory(memory, read) }),
    ...(cpu === undefined ? {} : { cpu: completedCpu(cpu, read) }),
  };
}

/** What is to be written; device rules are not part of an update. */
export function updateSettings({ devices: _, ...resources }: Resources, read: ReadFile): Setting[] {
  return isV2(read) ? settingsV2(resources) : settingsV1(resources);
}
