/**
 * linux.resources as properties of a unit (systemd.resource-control(5), org.freedesktop.systemd1(5)): those
 * that runc sets (its docs/systemd.md). systemd writes them to the cgroup, and again whenever it reloads;
 * what has no property is written by hutch alone.
 */
import type { Property, Value, Variant } from "../dbus/value.ts";
import type { Cpu, Resources } from "../spec/resources.ts";
import { cpuWeight, ioWeight, swapMax } from "./convert.ts";
import { amountOf, rangesOf, UNLIMITED } from "./read.ts";
import { systemdDevices } from "./systemd-device.ts";

/** What the properties depend upon. */
export interface Dialect {
  /** Of systemd: 252. */
  readonly systemd: number;
  /** What the controllers are on; hybrid counts as v1. */
  readonly cgroups: "v1" | "v2";
}

/** The versions of systemd that brought a property, or a value of it. */
const SINCE = { CPUQuotaPeriodUSec: 242, AllowedCPUs: 244, idle: 252 } as const;

const DEFAULT_PERIOD = 100_000n;
const SECOND = 1_000_000n;
/** systemd keeps whole percents of a processor, so less would be cut off. */
const PERCENT = 10_000n;
/** cpu.idle. */
const IDLE_WEIGHT = 0;

const property = (name: string, signature: string, value: Value): Property => [name, { signature, value }];

/** An amount of 64 bits as decimal text, in which it passes through JSON. */
const amount = (name: string, value: number | bigint): Property => property(name, "t", `${value}`);

/** 0 stands for "not given" in linux.resources, −1 for no limit. */
const limit = (name: string, value: number | bigint | undefined): Property[] =>
  value ? [amount(name, value < 0 ? UNLIMITED : value)] : [];

/** The quota of each second of time, rounded up to what systemd can express. */
function quotaPerSecond(quota: number, period: number): bigint {
  if (quota <= 0) return UNLIMITED;
  const exact = (BigInt(quota) * SECOND) / (period ? BigInt(period) : DEFAULT_PERIOD);
  return ((exact + PERCENT - 1n) / PERCENT) * PERCENT;
}

function quota({ quota = 0, period = 0 }: Pick<Cpu, "quota" | "period">, { systemd }: Dialect): Property[] {
  return [
    ...(period && systemd >= SINCE.CPUQuotaPeriodUSec ? [amount("CPUQuotaPeriodUSec", period)] : []),
    ...(period || quota ? [amount("CPUQuotaPerSecUSec", quotaPerSecond(quota, period))] : []),
  ];
}

/** "0-2,8" as bits, the first processor in the lowest bit of the first byte. */
export function bitsOf(list: string): number[] {
  const bytes: number[] = [];
  for (const number of rangesOf(list)) {
    const index = number >> 3;
    while (bytes.length <= index) bytes.push(0);
    bytes[index] = (bytes[index] ?? 0) | (1 << (number & 7));
  }
  return bytes;
}

function cpuset({ cpus = "", mems = "" }: Pick<Cpu, "cpus" | "mems">, { systemd }: Dialect): Property[] {
  if (systemd < SINCE.AllowedCPUs) return [];
  return [
    ...(cpus ? [property("AllowedCPUs", "ay", bitsOf(cpus))] : []),
    ...(mems ? [property("AllowedMemoryNodes", "ay", bitsOf(mems))] : []),
  ];
}

/** 0 is no limit too, as it is for the file. */
const tasks = ({ pids }: Resources): Property[] =>
  pids?.limit === undefined ? [] : [amount("TasksMax", pids.limit > 0 ? pids.limit : UNLIMITED)];

function propertiesV1({ memory, cpu = {}, blockIO }: Resources, dialect: Dialect): Property[] {
  return [
    ...limit("MemoryLimit", memory?.limit),
    ...limit("CPUShares", cpu.shares),
    ...quota(cpu, dialect),
    ...limit("BlockIOWeight", blockIO?.weight),
    ...cpuset(cpu, dialect),
  ];
}

function swap(resources: Resources): Property[] {
  const most = amountOf(swapMax(resources));
  return most === undefined ? [] : [amount("MemorySwapMax", most)];
}

function weight({ shares, idle }: Cpu, { systemd }: Dialect): Property[] {
  if (Number(idle ?? 0) === 1 && systemd >= SINCE.idle) return [amount("CPUWeight", IDLE_WEIGHT)];
  return shares ? [amount("CPUWeight", cpuWeight(shares))] : [];
}

function propertiesV2(resources: Resources, dialect: Dialect): Property[] {
  const { memory = {}, cpu = {}, blockIO, unified = {} } = resources;
  return [
    ...limit("MemoryMax", memory.limit),
    ...limit("MemoryLow", memory.reservation),
    ...swap(resources),
    ...weight(cpu, dialect),
    ...quota(cpu, dialect),
    ...cpuset(cpu, dialect),
    ...(blockIO?.weight ? [amount("IOWeight", ioWeight(blockIO.weight))] : []),
    // Last, because what is written there is what the author meant for version 2.
    ...Object.entries(unified).flatMap(([file, text]) => unifiedProperties(file, text, dialect)),
  ];
}

const MEMORY_FILES: Readonly<Record<string, string>> = {
  "memory.min": "MemoryMin",
  "memory.low": "MemoryLow",
  "memory.high": "MemoryHigh",
  "memory.max": "MemoryMax",
  "memory.swap.max": "MemorySwapMax",
  "pids.max": "TasksMax",
  "cpu.weight": "CPUWeight",
};

/** A file of linux.resources.unified; one that has no property is hutch's alone. */
function unifiedProperties(file: string, text: string, dialect: Dialect): Property[] {
  const name = MEMORY_FILES[file];
  const value = amountOf(text);
  if (name !== undefined) return value === undefined ? [] : [amount(name, value)];
  if (file === "cpuset.cpus") return cpuset({ cpus: text }, dialect);
  if (file === "cpuset.mems") return cpuset({ mems: text }, dialect);
  if (file === "cpu.idle" && text.trim() === "1") return weight({ idle: 1 }, dialect);
  if (file !== "cpu.max") return [];
  const [most, period] = text.trim().split(/\s+/);
  const numbers = { quota: most === "max" ? -1 : Number(most), period: Number(period ?? 0) };
  return Number.isNaN(numbers.quota + numbers.period) ? [] : quota(numbers, dialect);
}

/** A later value of a property replaces an earlier one. */
const latest = (properties: readonly Property[]): Property[] => [...new Map<string, Variant>(properties)];

function limitProperties(resources: Resources, dialect: Dialect): Property[] {
  const own = dialect.cgroups === "v1" ? propertiesV1 : propertiesV2;
  return latest([...tasks(resources), ...own(resources, dialect)]);
}

/** What a unit starts with, or is changed to; what is not given stays as it is. */
export const resourceProperties = (resources: Resources, dialect: Dialect): Property[] => [
  ...systemdDevices(resources.devices, dialect.systemd),
  ...limitProperties(resources, dialect),
];
