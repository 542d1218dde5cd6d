/**
 * What every field of linux.resources becomes, on version 1 and on version 2, in the order of writing.
 * Whatever reads or writes limits does it by this table: the birth of a container, `update`, and drivers
 * that hand limits to somebody else. Devices are apart (device-list.ts, device-filter.ts): they are no text
 * of a file in version 2.
 *
 * Sources: OCI runtime-spec 1.3, config-linux.md; admin-guide/cgroup-v1 and admin-guide/cgroup-v2; the
 * formulas of runc and crun (convert.ts). "If the conversion is not possible the runtime MUST generate an
 * error" (config-linux.md, "Unified"): what a version cannot do is refused by name.
 */
import type { BlockIo, Resources } from "../spec/resources.ts";
import { amount, cpuMax, cpuWeight, ioWeight, most, pidsMax, swapMax } from "./convert.ts";
import {
  type Conversion,
  file,
  flag,
  noneIsDefault,
  type Row,
  same,
  type Text,
  unlessAsked,
  whole,
  zeroIsDefault,
} from "./row.ts";

/** Swappiness of 2^64−1 is what −1 becomes in an unsigned field: not given, as in runc. */
const swappiness: Text = ({ memory }) =>
  memory?.swappiness === undefined || memory.swappiness > 100 ? undefined : `${memory.swappiness}`;

const deviceName = ({ major, minor }: { major: number | bigint; minor: number | bigint }): string =>
  `${major}:${minor}`;

const weights = ({ blockIO }: Resources) =>
  (blockIO?.weightDevice ?? []).flatMap((each) =>
    each.weight ? [{ device: deviceName(each), weight: each.weight }] : [],
  );

type Throttle = `throttle${"Read" | "Write"}${"Bps" | "IOPS"}Device` & keyof BlockIo;

/** A rate of 0 lifts the limit, which version 2 spells "max". */
const throttle = (field: Throttle, name: string, key: string): Row => ({
  field: `blockIO.${field}`,
  controller: "blkio",
  v1: {
    write: ({ blockIO }) =>
      (blockIO?.[field] ?? []).map((each) => ({
        file: `blkio.throttle.${name}_device`,
        text: `${deviceName(each)} ${each.rate ?? 0}`,
      })),
  },
  v2: {
    write: ({ blockIO }) =>
      (blockIO?.[field] ?? []).map((each) => ({
        file: "io.max",
        text: `${deviceName(each)} ${key}=${each.rate || "max"}`,
      })),
  },
});

/**
 * Reservations are limited where the kernel counts them (since 5.7), faults always: the same limit for
 * both, as in runc.
 */
const hugepages = (suffix: string): Conversion => ({
  write: ({ hugepageLimits }) =>
    (hugepageLimits ?? []).flatMap(({ pageSize, limit }) => [
      { file: `hugetlb.${pageSize}.${suffix}`, text: `${limit}` },
      { file: `hugetlb.${pageSize}.rsvd.${suffix}`, text: `${limit}`, otherwise: "nothing" as const },
    ]),
});

const rdma: Conversion = {
  write: ({ rdma: devices }) =>
    Object.entries(devices ?? {}).map(([device, { hcaHandles, hcaObjects }]) => ({
      file: "rdma.max",
      text: [
        device,
        ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
        ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
      ].join(" "),
    })),
};

const NO_LEAVES = "Linux has leaf weights no more: they went with the CFQ scheduler in 5.0";
const NO_REALTIME = "cgroup v2 does not divide real-time";
const NO_NETWORK = "cgroup v2 does not mark packets: match the cgroup's path in a filter instead";

export const ROWS: readonly Row[] = [
  {
    field: "memory.limit",
    controller: "memory",
    v1: file("memory.limit_in_bytes", ({ memory }) => amount(memory?.limit)),
    v2: file("memory.max", ({ memory }) => most(memory?.limit)),
  },
  {
    // Behind the limit: memory and swap together may never be less than memory alone, and are unlimited at
    // first.
    field: "memory.swap",
    controller: "memory",
    v1: file("memory.memsw.limit_in_bytes", ({ memory }) => amount(memory?.swap), unlessAsked("-1")),
    v2: file("memory.swap.max", swapMax, unlessAsked("max", "0")),
  },
  {
    // What lies below is protected, as far as the kernel can: the reading of "reservation" that runtimes
    // share.
    field: "memory.reservation",
    controller: "memory",
    v1: file("memory.soft_limit_in_bytes", ({ memory }) => amount(memory?.reservation)),
    v2: file("memory.low", ({ memory }) => most(memory?.reservation)),
  },
  {
    field: "memory.kernel",
    controller: "memory",
    ...same({ ignore: "Linux has no such limit since 5.16: what the kernel uses counts like the rest" }),
  },
  {
    field: "memory.kernelTCP",
    controller: "memory",
    v1: file("memory.kmem.tcp.limit_in_bytes", ({ memory }) => amount(memory?.kernelTCP), noneIsDefault),
    v2: {
      refuse: "cgroup v2 counts the buffers of sockets like the rest",
      when: ({ memory }) => (memory?.kernelTCP ?? 0) > 0,
    },
  },
  {
    field: "memory.swappiness",
    controller: "memory",
    v1: file("memory.swappiness", swappiness),
    v2: {
      refuse: "cgroup v2 has one swappiness for the whole machine (vm.swappiness)",
      when: (resources) => swappiness(resources) !== undefined,
    },
  },
  {
    field: "memory.disableOOMKiller",
    controller: "memory",
    v1: file("memory.oom_control", ({ memory }) => flag(memory?.disableOOMKiller), zeroIsDefault),
    v2: {
      refuse: "cgroup v2 cannot do without the OOM killer",
      when: ({ memory }) => memory?.disableOOMKiller === true,
    },
  },
  {
    field: "memory.useHierarchy",
    controller: "memory",
    ...same({
      refuse: "since 5.11 Linux always counts what is used in the cgroups below",
      when: ({ memory }) => memory?.useHierarchy === false,
    }),
  },
  {
    field: "memory.checkBeforeUpdate",
    controller: "memory",
    ...same({ ignore: "for update (update.ts), where version 1 always checks; a new cgroup uses nothing" }),
  },
  {
    // Before idle, under which the kernel takes no weight.
    field: "cpu.shares",
    controller: "cpu",
    v1: file("cpu.shares", ({ cpu }) => amount(cpu?.shares)),
    v2: file("cpu.weight", ({ cpu }) => (cpu?.shares ? `${cpuWeight(cpu.shares)}` : undefined)),
  },
  {
    field: "cpu.idle",
    controller: "cpu",
    ...same(file("cpu.idle", ({ cpu }) => whole(cpu?.idle), zeroIsDefault)),
  },
  {
    // Before the quota, which is judged by its share of the period.
    field: "cpu.period",
    controller: "cpu",
    v1: file("cpu.cfs_period_us", ({ cpu }) => amount(cpu?.period)),
    v2: { ignore: "written with the quota" },
  },
  {
    field: "cpu.quota",
    controller: "cpu",
    v1: file("cpu.cfs_quota_us", ({ cpu }) => amount(cpu?.quota)),
    v2: file("cpu.max", cpuMax),
  },
  {
    // Behind the quota, which it may not be more than.
    field: "cpu.burst",
    controller: "cpu",
    v1: file("cpu.cfs_burst_us", ({ cpu }) => whole(cpu?.burst), zeroIsDefault),
    v2: file("cpu.max.burst", ({ cpu }) => whole(cpu?.burst), zeroIsDefault),
  },
  {
    field: "cpu.realtimePeriod",
    controller: "cpu",
    v1: file("cpu.rt_period_us", ({ cpu }) => amount(cpu?.realtimePeriod)),
    v2: { refuse: NO_REALTIME, when: ({ cpu }) => Boolean(cpu?.realtimePeriod) },
  },
  {
    field: "cpu.realtimeRuntime",
    controller: "cpu",
    v1: file("cpu.rt_runtime_us", ({ cpu }) => amount(cpu?.realtimeRuntime)),
    v2: { refuse: NO_REALTIME, when: ({ cpu }) => Boolean(cpu?.realtimeRuntime) },
  },
  {
    field: "cpu.cpus",
    controller: "cpuset",
    ...same(file("cpuset.cpus", ({ cpu }) => cpu?.cpus || undefined)),
  },
  {
    field: "cpu.mems",
    controller: "cpuset",
    ...same(file("cpuset.mems", ({ cpu }) => cpu?.mems || undefined)),
  },
  { field: "pids.limit", controller: "pids", ...same(file("pids.max", pidsMax)) },
  {
    // Without the BFQ scheduler version 2 has the weights of io.cost; version 1 has none.
    field: "blockIO.weight",
    controller: "blkio",
    v1: file("blkio.bfq.weight", ({ blockIO }) => amount(blockIO?.weight)),
    v2: file(
      "io.bfq.weight",
      ({ blockIO }) => amount(blockIO?.weight),
      (text) => ({ otherwise: { file: "io.weight", text: `${ioWeight(Number(text))}` } }),
    ),
  },
  {
    field: "blockIO.leafWeight",
    controller: "blkio",
    ...same({ refuse: NO_LEAVES, when: ({ blockIO }) => Boolean(blockIO?.leafWeight) }),
  },
  {
    field: "blockIO.weightDevice",
    controller: "blkio",
    v1: {
      write: (resources) =>
        weights(resources).map(({ device, weight }) => ({
          file: "blkio.bfq.weight_device",
          text: `${device} ${weight}`,
        })),
    },
    v2: {
      write: (resources) =>
        weights(resources).map(({ device, weight }) => ({
          file: "io.bfq.weight",
          text: `${device} ${weight}`,
          otherwise: { file: "io.weight", text: `${device} ${ioWeight(weight)}` },
        })),
    },
  },
  {
    field: "blockIO.weightDevice[].leafWeight",
    controller: "blkio",
    ...same({
      refuse: NO_LEAVES,
      when: ({ blockIO }) => (blockIO?.weightDevice ?? []).some(({ leafWeight }) => Boolean(leafWeight)),
    }),
  },
  throttle("throttleReadBpsDevice", "read_bps", "rbps"),
  throttle("throttleWriteBpsDevice", "write_bps", "wbps"),
  throttle("throttleReadIOPSDevice", "read_iops", "riops"),
  throttle("throttleWriteIOPSDevice", "write_iops", "wiops"),
  { field: "hugepageLimits", controller: "hugetlb", v1: hugepages("limit_in_bytes"), v2: hugepages("max") },
  { field: "rdma", controller: "rdma", ...same(rdma) },
  {
    field: "network.classID",
    controller: "net_cls",
    v1: file("net_cls.classid", ({ network }) => whole(network?.classID), zeroIsDefault),
    v2: { refuse: NO_NETWORK, when: ({ network }) => Boolean(network?.classID) },
  },
  {
    field: "network.priorities",
    controller: "net_prio",
    v1: {
      write: ({ network }) =>
        (network?.priorities ?? []).map(({ name, priority }) => ({
          file: "net_prio.ifpriomap",
          text: `${name} ${priority}`,
        })),
    },
    v2: { refuse: NO_NETWORK, when: ({ network }) => (network?.priorities ?? []).length > 0 },
  },
  {
    // Last, so that it has the last word, as in runc. The controller is the first word of each name.
    field: "unified",
    controller: "",
    v1: {
      refuse: "names files of cgroup v2, and the controllers of this machine are those of v1",
      when: ({ unified }) => Object.keys(unified ?? {}).length > 0,
    },
    v2: {
      write: ({ unified }) =>
        Object.entries(unified ?? {}).flatMap(([name, value]) =>
          value
            .split("\n")
            .filter((line) => line !== "")
            .map((text) => ({ file: name, text })),
        ),
    },
  },
];
