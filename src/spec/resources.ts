/** Control groups: config-linux.md, "Control groups" and the sections below it. */
import type * as v from "valibot";
import type { Rule } from "./rule.ts";
import {
  flag,
  i64,
  later,
  list,
  mapOf,
  object,
  optional,
  optionalCount,
  optionalFlag,
  optionalI64,
  optionalInteger,
  optionalText,
  optionalU16,
  optionalU32,
  optionalU64,
  pattern,
  text,
  u32,
  u64,
} from "./schema.ts";

/** An absent `type` means all types; an absent `major` or `minor`, or −1, every number. */
const deviceRule = object({
  allow: flag,
  type: optionalText,
  major: optionalInteger,
  minor: optionalInteger,
  access: optionalText,
});

/** Bytes; −1 is unlimited. */
const memorySchema = () =>
  object({
    limit: optionalI64,
    reservation: optionalI64,
    swap: optionalI64,
    kernel: optionalI64,
    kernelTCP: optionalI64,
    swappiness: optionalU64,
    disableOOMKiller: optionalFlag,
    useHierarchy: optionalFlag,
    checkBeforeUpdate: optionalFlag,
  });

/** Periods, quotas, burst and runtimes are in microseconds. */
const cpuSchema = () =>
  object({
    shares: optionalCount,
    quota: optionalInteger,
    burst: optionalU64,
    period: optionalCount,
    realtimeRuntime: optionalI64,
    realtimePeriod: optionalU64,
    cpus: optionalText,
    mems: optionalText,
    idle: optionalI64,
  });

const blockIoSchema = () => {
  const throttles = optional(list(object({ major: i64, minor: i64, rate: optionalU64 })));
  return object({
    weight: optionalU16,
    leafWeight: optionalU16,
    weightDevice: optional(
      list(object({ major: i64, minor: i64, weight: optionalU16, leafWeight: optionalU16 })),
    ),
    throttleReadBpsDevice: throttles,
    throttleWriteBpsDevice: throttles,
    throttleReadIOPSDevice: throttles,
    throttleWriteIOPSDevice: throttles,
  });
};

const pageSize = () => pattern(/^[1-9][0-9]*[KMG]B$/, "a page size such as 2MB");

export const resourcesSchema = object({
  devices: optional(list(deviceRule)),
  memory: later(memorySchema),
  cpu: later(cpuSchema),
  pids: later(() => object({ limit: i64 })),
  blockIO: later(blockIoSchema),
  hugepageLimits: later(() => list(object({ pageSize: pageSize(), limit: u64 }))),
  network: later(() =>
    object({ classID: optionalU32, priorities: optional(list(object({ name: text, priority: u32 }))) }),
  ),
  rdma: later(() => mapOf(object({ hcaHandles: optionalU32, hcaObjects: optionalU32 }))),
  unified: later(() => mapOf(text)),
});

export type Resources = v.InferOutput<typeof resourcesSchema>;
export type Memory = NonNullable<Resources["memory"]>;
export type Cpu = NonNullable<Resources["cpu"]>;
export type DeviceRule = v.InferOutput<typeof deviceRule>;

const DEVICE_RULE_TYPES = ["a", "b", "c"];
/** The kernel's min_cfs_quota_period and max_cfs_quota_period, in microseconds. */
const SHORTEST_PERIOD = 1000;
const LONGEST_PERIOD = 1_000_000;
/** MAX_SHARES of the kernel's scheduler. */
const MOST_SHARES = 262144;

export const resourceRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxDeviceAllowedlist",
    check({ linux }, refuse) {
      for (const [index, rule] of (linux?.resources?.devices ?? []).entries()) {
        const { type = "a", access = "" } = rule;
        const path = `linux.resources.devices[${index}]`;
        if (!DEVICE_RULE_TYPES.includes(type)) {
          refuse(`${path}.type`, `one of ${DEVICE_RULE_TYPES.join(", ")}`, type);
        }
        if (access.replaceAll("r", "").replaceAll("w", "").replaceAll("m", "") !== "")
          refuse(`${path}.access`, "letters of rwm", access);
        for (const part of ["major", "minor"] as const) {
          const number = rule[part] ?? -1;
          if (number < -1 || number > 0xffffffff) {
            refuse(`${path}.${part}`, "an integer from 0 to 4294967295, or -1 for all", number);
          }
        }
      }
    },
  },
  {
    section: "config-linux.md#configLinuxMemory",
    check({ linux }, refuse) {
      const memory = linux?.resources?.memory;
      if (!memory) return;
      const { limit = -1, swap, swappiness } = memory;
      for (const field of ["limit", "reservation", "swap"] as const) {
        const bytes = memory[field];
        if (bytes !== undefined && bytes < -1) {
          refuse(`linux.resources.memory.${field}`, "a number of bytes, or -1 for no limit", bytes);
        }
      }
      if (swap !== undefined && swap > 0) {
        // swap counts memory and swap together, so it means nothing without, or below, a limit of memory.
        if (limit <= 0) refuse("linux.resources.memory.swap", "memory.limit to be set too", swap);
        else if (swap < limit) refuse("linux.resources.memory.swap", `a value ≥ limit (${limit})`, swap);
      }
      if (swappiness !== undefined && swappiness > 100) {
        refuse("linux.resources.memory.swappiness", "an integer from 0 to 100", swappiness);
      }
    },
  },
  {
    section: "config-linux.md#configLinuxCPU",
    check({ linux }, refuse) {
      const { shares = 0, period = 0, quota = 0 } = linux?.resources?.cpu ?? {};
      const path = "linux.resources.cpu";
      if (shares > MOST_SHARES) refuse(`${path}.shares`, `an integer from 0 to ${MOST_SHARES}`, shares);
      // 0 is taken for "not given" by every runtime.
      if (period !== 0 && (period < SHORTEST_PERIOD || period > LONGEST_PERIOD)) {
        const range = `${SHORTEST_PERIOD} to ${LONGEST_PERIOD}`;
        refuse(`${path}.period`, `an integer from ${range} microseconds`, period);
      }
      if (quota < -1 || (quota > 0 && quota < SHORTEST_PERIOD)) {
        refuse(`${path}.quota`, `at least ${SHORTEST_PERIOD} microseconds, or -1 for no limit`, quota);
      }
    },
  },
];
