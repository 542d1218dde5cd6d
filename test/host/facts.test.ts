import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import {
  capabilities,
  cgroups,
  effectiveGroup,
  effectiveUser,
  gidMap,
  isInitialMap,
  kernelRelease,
  lastCapability,
  mounts,
  parseCgroups,
  parseIdMap,
  releaseAtLeast,
  supplementaryGroups,
  uidMap,
} from "../../src/host/facts.ts";

const status = readFileSync("/proc/self/status", "utf8");
const ofStatus = (field: string): string =>
  new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";

test("the release is the one uname prints", () => {
  expect(kernelRelease()).toBe(release());
});

test.each([
  ["6.1.0-18-amd64", 6, 1, true],
  ["6.1.0-18-amd64", 6, 2, false],
  ["6.10.3", 6, 9, true],
  ["5.15-rc1", 5, 15, true],
  ["5.19.0", 6, 0, false],
  ["10.0+", 9, 9, true],
])("release %s is at least %i.%i: %p", (own, major, minor, expected) => {
  expect(releaseAtLeast(own, major, minor)).toBe(expected);
});

test("users, groups and capabilities are those of /proc/self/status", () => {
  expect(effectiveUser()).toBe(Number(ofStatus("Uid").split("\t")[1]));
  expect(effectiveGroup()).toBe(Number(ofStatus("Gid").split("\t")[1]));
  expect(supplementaryGroups().join(" ")).toBe(ofStatus("Groups"));
  const { effective, permitted, inheritable } = capabilities();
  expect(effective).toBe(BigInt(`0x${ofStatus("CapEff")}`));
  expect(permitted).toBe(BigInt(`0x${ofStatus("CapPrm")}`));
  expect(inheritable).toBe(BigInt(`0x${ofStatus("CapInh")}`));
});

test("the last capability is one of the kernel's 64", () => {
  expect(lastCapability()).toBeWithin(37, 64);
});

test("the mounts of this process include its root and proc", () => {
  const points = mounts().map(({ mountPoint, type }) => `${mountPoint} ${type}`);
  expect(points).toContain("/proc proc");
  expect(mounts(process.pid).some(({ mountPoint }) => mountPoint === "/")).toBeTrue();
});

test("cgroups of both versions are told apart, and a path may hold colons", () => {
  expect(parseCgroups("12:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/init.scope\n")).toEqual([
    { hierarchy: 12, controllers: ["cpu", "cpuacct"], path: "/a:b" },
    { hierarchy: 1, controllers: ["name=systemd"], path: "/" },
    { hierarchy: 0, controllers: [], path: "/init.scope" },
  ]);
  expect(cgroups().length).toBe(readFileSync("/proc/self/cgroup", "utf8").trim().split("\n").length);
});

test("an id map is read range by range", () => {
  const map = parseIdMap("         0       1000          1\n         1     100000      65536\n");
  expect(map).toEqual([
    { inside: 0, outside: 1000, count: 1 },
    { inside: 1, outside: 100000, count: 65536 },
  ]);
});

test("only the map of every id to itself is the initial one", () => {
  const initial = { inside: 0, outside: 0, count: 4294967295 };
  expect(isInitialMap([initial])).toBeTrue();
  expect(isInitialMap([{ ...initial, outside: 1 }])).toBeFalse();
  expect(isInitialMap([{ ...initial, count: 65536 }])).toBeFalse();
  expect(isInitialMap([initial, initial])).toBeFalse();
  expect(isInitialMap([])).toBeFalse();
  expect(isInitialMap(uidMap())).toBe(isInitialMap(gidMap()));
});
