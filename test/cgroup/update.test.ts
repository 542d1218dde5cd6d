import { describe, expect, test } from "bun:test";
import { resourceProperties } from "../../src/cgroup/systemd-property.ts";
import { checking, completed, told, updateSettings } from "../../src/cgroup/update.ts";
import type { Resources } from "../../src/spec/resources.ts";

const V1 = { "memory.limit_in_bytes": "1000\n" };
const V2 = { "cgroup.controllers": "cpu\n", "memory.max": "1000\n", "cpu.max": "50000 100000\n" };

const written = (resources: Resources, files: Readonly<Record<string, string>>): string[] => {
  const read = (file: string): string | undefined => files[file];
  return updateSettings(completed(resources, read), read).map(({ file, text }) => `${file}=${text}`);
};

describe("what is not given is taken from the cgroup", () => {
  test("version 2 counts swap alone, so the limit of memory is needed", () => {
    expect(written({ memory: { swap: 1500 } }, V2)).toEqual(["memory.max=1000", "memory.swap.max=500"]);
    expect(written({ memory: { swap: 1500, limit: 1200 } }, V2)).toEqual([
      "memory.max=1200",
      "memory.swap.max=300",
    ]);
  });

  test("version 2 writes quota and period together", () => {
    expect(written({ cpu: { quota: 20_000 } }, V2)).toEqual(["cpu.max=20000 100000"]);
    expect(written({ cpu: { period: 50_000 } }, V2)).toEqual(["cpu.max=50000 50000"]);
    const unlimited = { ...V2, "cpu.max": "max 100000\n" };
    expect(written({ cpu: { period: 50_000 } }, unlimited)).toEqual(["cpu.max=max 50000"]);
    expect(written({ cpu: { quota: -1 } }, V2)).toEqual(["cpu.max=max 100000"]);
  });

  test("version 1 has a file for each, and writes no more than it is given", () => {
    expect(written({ cpu: { quota: 20_000 } }, V1)).toEqual(["cpu.cfs_quota_us=20000"]);
    expect(written({ pids: { limit: 5 } }, V1)).toEqual(["pids.max=5"]);
    expect(written({ memory: { swap: 1500 } }, V1)).toContain("memory.memsw.limit_in_bytes=1500");
  });

  test("memory without a limit takes the limit of swap along, where there is one", () => {
    const swap = { ...V1, "memory.memsw.limit_in_bytes": "2000\n" };
    expect(written({ memory: { limit: -1 } }, swap)).toEqual([
      "memory.limit_in_bytes=-1",
      "memory.memsw.limit_in_bytes=-1",
    ]);
    expect(written({ memory: { limit: -1 } }, V1)).toEqual(["memory.limit_in_bytes=-1"]);
    expect(written({ memory: { limit: -1 } }, { ...V2, "memory.swap.max": "0\n" })).toEqual([
      "memory.max=max",
      "memory.swap.max=max",
    ]);
  });

  test("no limit of memory is −1", () => {
    const read = (): string => "9223372036854771712\n";
    expect(completed({ memory: { swap: 5 } }, read).memory?.limit).toBe(-1);
  });
});

test("an update leaves device rules alone, and writes nothing when nothing is given", () => {
  expect(written({ devices: [{ allow: false, access: "rwm" }] }, V1)).toEqual([]);
  expect(written({}, V2)).toEqual([]);
  expect(written({ cpu: { shares: 0, quota: 0, period: 0 }, memory: { limit: 0, swap: 0 } }, V2)).toEqual([]);
});

test("whether usage is checked is remembered for memory that does not say", () => {
  const asked = { memory: { limit: 5 } };
  expect(checking(asked, undefined)).toBe(asked);
  expect(checking(asked, true).memory).toEqual({ limit: 5, checkBeforeUpdate: true });
  const denied = { memory: { limit: 5, checkBeforeUpdate: false } };
  expect(checking(denied, true)).toBe(denied);
  expect(checking({ pids: { limit: 5 } }, true)).toEqual({ pids: { limit: 5 } });
  const files = { ...V2, "memory.current": "2000\n", "memory.swap.current": "0\n" };
  expect(() => written(checking(asked, true), files)).toThrow(
    "memory.limit: 5: the container uses 2000 bytes",
  );
  expect(written(checking(asked, false), files)).toEqual(["memory.max=5"]);
});

test("a limit of 0 processes is not given, and of −1 is none", () => {
  expect(written({ pids: { limit: 0 } }, V2)).toEqual([]);
  expect(written({ pids: { limit: -1 } }, V2)).toEqual(["pids.max=max"]);
});

test("systemd is told of both quota and period on version 1, when one of them is changed", () => {
  const files: Readonly<Record<string, string>> = {
    ...V1,
    tasks: "",
    "cpu.cfs_quota_us": "50000\n",
    "cpu.cfs_period_us": "200000\n",
  };
  const perSecond = (resources: Resources): unknown => {
    const complete = told(resources, (file) => files[file]);
    const properties = new Map(resourceProperties(complete, { systemd: 252, cgroups: "v1" }));
    return properties.get("CPUQuotaPerSecUSec")?.value;
  };
  expect(perSecond({ cpu: { period: 100_000 } })).toBe("500000");
  expect(perSecond({ cpu: { quota: 100_000 } })).toBe("500000");
  expect(perSecond({ cpu: { shares: 5 } })).toBeUndefined();
  const unlimited: typeof files = { ...files, "cpu.cfs_quota_us": "-1\n" };
  expect(told({ cpu: { period: 1000 } }, (file) => unlimited[file]).cpu).toEqual({ quota: -1, period: 1000 });
});
