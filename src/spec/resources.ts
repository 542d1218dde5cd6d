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
export type BlockIo = NonNullable<Resources["blockIO"]>;
export type DeviceRule = v.InferOutput<typeof deviceRule>;

const DEVICE_RULE_TYPES = ["a", "b", "c"];
/** The kernel's min_cfs_quota_period and max_cfs_quota_period, in microseconds. */
const SHORTEST_PERIOD = 1000;
const LONGEST_PERIOD = 1_000_000;
/** MAX_SHARES of the kernel's scheduler. */
const MOST_SHARES = 262144;
/** BFQ_MAX_WEIGHT; the kernel's documentation begins at 10, BFQ at 1. */
const MOST_WEIGHT = 1000;
/** Of swappiness: −1 in an unsigned field, which some container managers write for "not given". */
const NO_SWAPPINESS = 0xffff_ffff_ffff_ffffn;
/** Of a cgroup v1 device and a throttle: MINORBITS is 20, and major numbers have 12 bits. */
const MOST_DEVICE = 0xffffffff;

/** Lists such as "0-3,8" (cpuset(7), "List format"), with the kernel's strides "0-31:2/4" and words. */
const CPU_LIST = /^[\w,:/\s-]*$/;
/** What a line of a cgroup's file is made of: one more word or line would be another setting. */
const ONE_WORD = /^[^\s\0]+$/;

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
      if (swappiness !== undefined && swappiness > 100 && BigInt(swappiness) !== NO_SWAPPINESS) {
        refuse("linux.resources.memory.swappiness", "an integer from 0 to 100", swappiness);
      }
    },
  },
  {
    section: "config-linux.md#configLinuxCPU",
    check({ linux }, refuse) {
      const { shares = 0, period = 0, quota = 0, burst = 0, idle = 0, ...cpu } = linux?.resources?.cpu ?? {};
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
      if (quota > 0 && burst > quota) refuse(`${path}.burst`, `a value ≤ quota (${quota})`, burst);
      if (idle !== 0 && Number(idle) !== 1) refuse(`${path}.idle`, "0 or 1", idle);
      for (const field of ["cpus", "mems"] as const) {
        const list = cpu[field] ?? "";
        if (!CPU_LIST.test(list)) refuse(`${path}.${field}`, "a list such as 0-3,8", list);
      }
    },
  },
  {
    section: "config-linux.md#configLinuxMemory",
    warning: true,
    check({ linux }, warn) {
      const kernel = linux?.resources?.memory?.kernel ?? 0;
      if (kernel > 0) warn("linux.resources.memory.kernel", "none, since Linux has no such limit", kernel);
    },
  },
  {
    section: "config-linux.md#configLinuxBlockIO",
    check({ linux }, refuse) {
      const { weight = 0, weightDevice = [], ...throttles } = linux?.resources?.blockIO ?? {};
      const path = "linux.resources.blockIO";
      const expected = `an integer from 0 to ${MOST_WEIGHT}`;
      if (weight > MOST_WEIGHT) refuse(`${path}.weight`, expected, weight);
      for (const [index, each] of weightDevice.entries()) {
        if ((each.weight ?? 0) > MOST_WEIGHT)
          refuse(`${path}.weightDevice[${index}].weight`, expected, each.weight);
      }
      for (const [field, devices] of Object.entries({ weightDevice, ...throttles })) {
        if (!Array.isArray(devices)) continue;
        for (const [index, device] of devices.entries()) {
          for (const part of ["major", "minor"] as const) {
            if (device[part] >= 0 && device[part] <= MOST_DEVICE) continue;
            refuse(`${path}.${field}[${index}].${part}`, `an integer from 0 to ${MOST_DEVICE}`, device[part]);
          }
        }
      }
    },
  },
  {
    section: "config-linux.md#configLinuxNetwork",
    check({ linux }, refuse) {
      const { network, rdma } = linux?.resources ?? {};
      for (const [index, { name }] of (network?.priorities ?? []).entries()) {
        if (!ONE_WORD.test(name))
          refuse(`linux.resources.network.priorities[${index}].name`, "the name of an interface", name);
      }
      for (const name of Object.keys(rdma ?? {})) {
        if (!ONE_WORD.test(name)) refuse("linux.resources.rdma", "the name of a device", name);
      }
    },
  },
  {
    section: "config-linux.md#configLinuxUnified",
    check({ linux }, refuse) {
      for (const name of Object.keys(linux?.resources?.unified ?? {})) {
        if (name.includes("/") || name === "" || name === "." || name === "..") {
          refuse("linux.resources.unified", "names of files, without a slash", name);
        }
      }
    },
  },
];
