import { expect, test } from "bun:test";
import { bitsOf, type Dialect, resourceProperties } from "../../src/cgroup/systemd-property.ts";
import { marshal } from "../../src/dbus/marshal.ts";
import type { Resources } from "../../src/spec/resources.ts";

const V1: Dialect = { systemd: 252, cgroups: "v1" };
const V2: Dialect = { systemd: 252, cgroups: "v2" };
const NONE = "18446744073709551615";

/** Names and values; the types are judged by whether they can be sent. */
function plain(resources: Resources, dialect: Dialect): Record<string, unknown> {
  const properties = resourceProperties(resources, dialect);
  marshal("a(sv)", [properties]);
  return Object.fromEntries(properties.map(([name, { value }]) => [name, value]));
}

const ROWS: readonly (readonly [claim: string, Resources, v1: object, v2: object])[] = [
  ["nothing", {}, {}, {}],
  ["a limit of memory", { memory: { limit: 1048576 } }, { MemoryLimit: "1048576" }, { MemoryMax: "1048576" }],
  ["no limit of memory", { memory: { limit: -1 } }, { MemoryLimit: NONE }, { MemoryMax: NONE }],
  ["a limit of zero, which is none given", { memory: { limit: 0 } }, {}, {}],
  ["a reservation", { memory: { reservation: 4096 } }, {}, { MemoryLow: "4096" }],
  [
    "swap beside memory",
    { memory: { limit: 4096, swap: 12288 } },
    { MemoryLimit: "4096" },
    { MemoryMax: "4096", MemorySwapMax: "8192" },
  ],
  [
    "swap without a limit",
    { memory: { limit: -1, swap: -1 } },
    { MemoryLimit: NONE },
    { MemoryMax: NONE, MemorySwapMax: NONE },
  ],
  ["shares", { cpu: { shares: 1024 } }, { CPUShares: "1024" }, { CPUWeight: "100" }],
  [
    "a quota of a half processor",
    { cpu: { quota: 50_000, period: 100_000 } },
    { CPUQuotaPeriodUSec: "100000", CPUQuotaPerSecUSec: "500000" },
    { CPUQuotaPeriodUSec: "100000", CPUQuotaPerSecUSec: "500000" },
  ],
  [
    "a quota of the usual period",
    { cpu: { quota: 150_000 } },
    { CPUQuotaPerSecUSec: "1500000" },
    { CPUQuotaPerSecUSec: "1500000" },
  ],
  // 12,345 of 100,000 are 12.345 %, and systemd keeps whole percents.
  [
    "a quota that is rounded up",
    { cpu: { quota: 12_345 } },
    { CPUQuotaPerSecUSec: "130000" },
    { CPUQuotaPerSecUSec: "130000" },
  ],
  ["no quota", { cpu: { quota: -1 } }, { CPUQuotaPerSecUSec: NONE }, { CPUQuotaPerSecUSec: NONE }],
  ["processes", { pids: { limit: 7 } }, { TasksMax: "7" }, { TasksMax: "7" }],
  ["any number of processes", { pids: { limit: -1 } }, { TasksMax: NONE }, { TasksMax: NONE }],
  [
    "processors and memory nodes",
    { cpu: { cpus: "0-2,9", mems: "0" } },
    { AllowedCPUs: [7, 2], AllowedMemoryNodes: [1] },
    { AllowedCPUs: [7, 2], AllowedMemoryNodes: [1] },
  ],
  ["idle", { cpu: { idle: 1, shares: 1024 } }, { CPUShares: "1024" }, { CPUWeight: "0" }],
  [
    "a weight of input and output",
    { blockIO: { weight: 500 } },
    { BlockIOWeight: "500" },
    { IOWeight: "4950" },
  ],
  [
    "files of version 2",
    {
      memory: { limit: 4096 },
      unified: {
        "memory.high": "2048",
        "memory.max": "max",
        "memory.swap.max": "0",
        "cpu.max": "50000 200000",
        "cpu.weight": "33",
        "pids.max": "3",
        "cpuset.cpus": "1",
        "cpuset.mems": "0-1",
        "io.max": "8:0 rbps=1",
      },
    },
    { MemoryLimit: "4096" },
    {
      MemoryMax: NONE,
      MemoryHigh: "2048",
      MemorySwapMax: "0",
      CPUQuotaPeriodUSec: "200000",
      CPUQuotaPerSecUSec: "250000",
      CPUWeight: "33",
      TasksMax: "3",
      AllowedCPUs: [2],
      AllowedMemoryNodes: [3],
    },
  ],
  ["no quota by its file", { unified: { "cpu.max": "max" } }, {}, { CPUQuotaPerSecUSec: NONE }],
  ["idle by its file", { unified: { "cpu.idle": "1" } }, {}, { CPUWeight: "0" }],
  ["what no file takes", { unified: { "cpu.max": "a b", "memory.max": "1G" } }, {}, {}],
];

for (const [claim, resources, v1, v2] of ROWS) {
  test(`${claim}: the properties of version 1`, () => {
    expect(plain(resources, V1)).toEqual({ ...v1 });
  });
  test(`${claim}: the properties of version 2`, () => {
    expect(plain(resources, V2)).toEqual({ ...v2 });
  });
}

test("an older systemd is not told what it does not know", () => {
  const cpu = { cpus: "0", mems: "0", period: 50_000, quota: 25_000, idle: 1, shares: 2 };
  expect(plain({ cpu }, { systemd: 241, cgroups: "v2" })).toEqual({
    CPUWeight: "1",
    CPUQuotaPerSecUSec: "500000",
  });
});

test("lists of processors are bits of bytes", () => {
  expect(bitsOf("")).toEqual([]);
  expect(bitsOf("0")).toEqual([1]);
  expect(bitsOf("7-8,16")).toEqual([128, 1, 1]);
  expect(bitsOf("63")).toEqual([0, 0, 0, 0, 0, 0, 0, 128]);
});

test("devices come first", () => {
  const resources = { devices: [{ allow: false, access: "rwm" }], pids: { limit: 1 } };
  expect(resourceProperties(resources, V2).map(([name]) => name)).toEqual([
    "DevicePolicy",
    "DeviceAllow",
    "TasksMax",
  ]);
});
