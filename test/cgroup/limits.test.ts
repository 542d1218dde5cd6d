/** linux.resources by the table of src/cgroup/table.ts. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { isCore, newSettings, refuseImpossible, settingsOf, type Version } from "../../src/cgroup/limits.ts";
import { ROWS } from "../../src/cgroup/table.ts";
import type { Resources } from "../../src/spec/resources.ts";
import { messageOf } from "../spec/mutate.ts";
import { ROOT } from "../support/source.ts";

const MIB = 1024 * 1024;
const device = { major: 8, minor: 16 };

/** Every field, with a value that asks for something, and what becomes of it. */
const CASES: readonly (readonly [field: string, Resources, v1: readonly string[], v2: readonly string[]])[] =
  [
    [
      "memory.limit",
      { memory: { limit: 100 * MIB } },
      ["memory memory.limit_in_bytes 104857600"],
      ["memory memory.max 104857600"],
    ],
    [
      "memory.limit",
      { memory: { limit: -1 } },
      ["memory memory.limit_in_bytes -1"],
      ["memory memory.max max"],
    ],
    [
      "memory.swap",
      { memory: { limit: 1, swap: 3 } },
      ["memory memory.limit_in_bytes 1", "memory memory.memsw.limit_in_bytes 3"],
      ["memory memory.max 1", "memory memory.swap.max 2"],
    ],
    [
      "memory.reservation",
      { memory: { reservation: 7 } },
      ["memory memory.soft_limit_in_bytes 7"],
      ["memory memory.low 7"],
    ],
    ["memory.kernel", { memory: { kernel: 4096 } }, [], []],
    [
      "memory.kernelTCP",
      { memory: { kernelTCP: 4096 } },
      ["memory memory.kmem.tcp.limit_in_bytes 4096"],
      ["refused"],
    ],
    ["memory.swappiness", { memory: { swappiness: 0 } }, ["memory memory.swappiness 0"], ["refused"]],
    [
      "memory.disableOOMKiller",
      { memory: { disableOOMKiller: true } },
      ["memory memory.oom_control 1"],
      ["refused"],
    ],
    ["memory.useHierarchy", { memory: { useHierarchy: false } }, ["refused"], ["refused"]],
    ["memory.checkBeforeUpdate", { memory: { checkBeforeUpdate: true } }, [], []],
    ["cpu.shares", { cpu: { shares: 512 } }, ["cpu cpu.shares 512"], ["cpu cpu.weight 59"]],
    ["cpu.idle", { cpu: { idle: 1 } }, ["cpu cpu.idle 1"], ["cpu cpu.idle 1"]],
    ["cpu.period", { cpu: { period: 5000 } }, ["cpu cpu.cfs_period_us 5000"], ["cpu cpu.max max 5000"]],
    ["cpu.quota", { cpu: { quota: -1 } }, ["cpu cpu.cfs_quota_us -1"], ["cpu cpu.max max 100000"]],
    ["cpu.burst", { cpu: { burst: 9 } }, ["cpu cpu.cfs_burst_us 9"], ["cpu cpu.max.burst 9"]],
    ["cpu.realtimePeriod", { cpu: { realtimePeriod: 9 } }, ["cpu cpu.rt_period_us 9"], ["refused"]],
    ["cpu.realtimeRuntime", { cpu: { realtimeRuntime: 9 } }, ["cpu cpu.rt_runtime_us 9"], ["refused"]],
    ["cpu.cpus", { cpu: { cpus: "0-1" } }, ["cpuset cpuset.cpus 0-1"], ["cpuset cpuset.cpus 0-1"]],
    ["cpu.mems", { cpu: { mems: "0" } }, ["cpuset cpuset.mems 0"], ["cpuset cpuset.mems 0"]],
    ["pids.limit", { pids: { limit: 32 } }, ["pids pids.max 32"], ["pids pids.max 32"]],
    [
      "blockIO.weight",
      { blockIO: { weight: 100 } },
      ["blkio blkio.bfq.weight 100"],
      ["io io.bfq.weight 100, else io.weight 910"],
    ],
    ["blockIO.leafWeight", { blockIO: { leafWeight: 100 } }, ["refused"], ["refused"]],
    [
      "blockIO.weightDevice",
      { blockIO: { weightDevice: [{ ...device, weight: 500 }] } },
      ["blkio blkio.bfq.weight_device 8:16 500"],
      ["io io.bfq.weight 8:16 500, else io.weight 8:16 4950"],
    ],
    [
      "blockIO.weightDevice[].leafWeight",
      { blockIO: { weightDevice: [{ ...device, leafWeight: 5 }] } },
      ["refused"],
      ["refused"],
    ],
    [
      "blockIO.throttleReadBpsDevice",
      { blockIO: { throttleReadBpsDevice: [{ ...device, rate: 600 }] } },
      ["blkio blkio.throttle.read_bps_device 8:16 600"],
      ["io io.max 8:16 rbps=600"],
    ],
    [
      "blockIO.throttleWriteBpsDevice",
      { blockIO: { throttleWriteBpsDevice: [{ ...device, rate: 0 }] } },
      ["blkio blkio.throttle.write_bps_device 8:16 0"],
      ["io io.max 8:16 wbps=max"],
    ],
    [
      "blockIO.throttleReadIOPSDevice",
      { blockIO: { throttleReadIOPSDevice: [{ ...device, rate: 6 }] } },
      ["blkio blkio.throttle.read_iops_device 8:16 6"],
      ["io io.max 8:16 riops=6"],
    ],
    [
      "blockIO.throttleWriteIOPSDevice",
      { blockIO: { throttleWriteIOPSDevice: [{ ...device, rate: 2n ** 60n }] } },
      [`blkio blkio.throttle.write_iops_device 8:16 ${2n ** 60n}`],
      [`io io.max 8:16 wiops=${2n ** 60n}`],
    ],
    [
      "hugepageLimits",
      { hugepageLimits: [{ pageSize: "2MB", limit: 0 }] },
      ["hugetlb hugetlb.2MB.limit_in_bytes 0", "hugetlb hugetlb.2MB.rsvd.limit_in_bytes 0, else nothing"],
      ["hugetlb hugetlb.2MB.max 0", "hugetlb hugetlb.2MB.rsvd.max 0, else nothing"],
    ],
    [
      "rdma",
      { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 }, rxe3: { hcaObjects: 1 } } },
      ["rdma rdma.max mlx5_1 hca_handle=3 hca_object=10000", "rdma rdma.max rxe3 hca_object=1"],
      ["rdma rdma.max mlx5_1 hca_handle=3 hca_object=10000", "rdma rdma.max rxe3 hca_object=1"],
    ],
    [
      "network.classID",
      { network: { classID: 1_048_577 } },
      ["net_cls net_cls.classid 1048577"],
      ["refused"],
    ],
    [
      "network.priorities",
      { network: { priorities: [{ name: "eth0", priority: 5 }] } },
      ["net_prio net_prio.ifpriomap eth0 5"],
      ["refused"],
    ],
    [
      "unified",
      { unified: { "io.max": "8:0 rbps=1\n8:16 wiops=2\n", "cgroup.max.depth": "3", "memory.high": "" } },
      ["refused"],
      ["io io.max 8:0 rbps=1", "io io.max 8:16 wiops=2", "cgroup cgroup.max.depth 3"],
    ],
  ];

function becomes(field: string, resources: Resources, version: Version): string[] {
  const message = messageOf(() => refuseImpossible(resources, version));
  if (message !== "") {
    expect(message).toStartWith(`config.json: linux.resources.${field}: `);
    return ["refused"];
  }
  return newSettings(resources, version).map(({ controller, file, text, otherwise }) => {
    const other = typeof otherwise === "object" ? `${otherwise.file} ${otherwise.text}` : otherwise;
    return `${controller} ${file} ${text}${other === undefined ? "" : `, else ${other}`}`;
  });
}

describe("a field becomes what its row says, or is refused by its name", () => {
  for (const [field, resources, v1, v2] of CASES) {
    test(`${field}: ${Bun.inspect(resources, { compact: true })}`, () => {
      expect(becomes(field, resources, "v1")).toEqual([...v1]);
      expect(becomes(field, resources, "v2")).toEqual([...v2]);
    });
  }
});

test("every row is tried above", () => {
  const tried = CASES.map(([field]) => field);
  expect(ROWS.map(({ field }) => field).filter((field) => !tried.includes(field))).toEqual([]);
});

test("every field of the specification has a row", () => {
  const properties = (name: string, ...more: readonly string[]): string[] => {
    const schema: unknown = JSON.parse(readFileSync(`${ROOT}/test/oci/schema/config-linux.json`, "utf8"));
    let at: unknown = schema;
    for (const key of ["linux", "properties", "resources", "properties", name, ...more, "properties"]) {
      at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
    }
    return Object.keys(at ?? {}).map((field) => `${name}.${field}`);
  };
  const fields = ["memory", "cpu", "pids", "blockIO", "network"].flatMap((name) => properties(name));
  expect(fields.length).toBeGreaterThan(25);
  const rows = ROWS.map(({ field }) => field);
  expect([...fields, "hugepageLimits", "rdma", "unified"].filter((field) => !rows.includes(field))).toEqual(
    [],
  );
});

const NOTHING: readonly Resources[] = [
  { memory: { limit: 0, swap: 0n, reservation: 0, kernel: -1, kernelTCP: -1, disableOOMKiller: false } },
  { memory: { swappiness: 2n ** 64n - 1n, useHierarchy: true } },
  { cpu: { shares: 0, quota: 0, period: 0, burst: 0, idle: 0, cpus: "", mems: "", realtimeRuntime: 0 } },
  { blockIO: { weight: 0, leafWeight: 0, weightDevice: [], throttleReadBpsDevice: [] } },
  { hugepageLimits: [], network: { classID: 0, priorities: [] }, rdma: {}, unified: {} },
];

test("what container managers write for nothing is nothing, for a new cgroup", () => {
  for (const version of ["v1", "v2"] as const) {
    for (const resources of NOTHING) {
      refuseImpossible(resources, version);
      expect(newSettings(resources, version)).toEqual([]);
    }
  }
});

test("an update may take back what a new cgroup has not", () => {
  const files = settingsOf({ memory: { disableOOMKiller: false }, cpu: { burst: 0, idle: 0 } }, "v1");
  expect(files.map(({ file, text }) => `${file}=${text}`)).toEqual([
    "memory.oom_control=0",
    "cpu.idle=0",
    "cpu.cfs_burst_us=0",
  ]);
});

test("a limit above 2^53 is written exactly", () => {
  expect(newSettings({ memory: { limit: 9007199254740993n } }, "v1")).toMatchObject([
    { text: "9007199254740993" },
  ]);
});

test("only files of every cgroup need no controller", () => {
  const list = newSettings({ unified: { "cgroup.max.depth": "1", "memory.high": "1", odd: "1" } }, "v2");
  expect(list.map(isCore)).toEqual([true, false, true]);
});

test("all that a version cannot do is told at once", () => {
  const message = messageOf(() =>
    refuseImpossible({ memory: { swappiness: 1 }, cpu: { realtimePeriod: 1 } }, "v2", {
      name: "update",
      prefix: "",
    }),
  );
  expect(message.split("\n")).toEqual([
    "update: 2 problems",
    "  memory.swappiness: cgroup v2 has one swappiness for the whole machine (vm.swappiness)",
    "  cpu.realtimePeriod: cgroup v2 does not divide real-time",
  ]);
});
