import { expect, test } from "bun:test";
import { countsV2, eitherCount } from "../../src/cgroup/counts.ts";
import { directory } from "../../src/cgroup/directory.ts";
import { planCgroup } from "../../src/cgroup/index.ts";
import { HYBRID, hostOf, type Texts, V1, V2 } from "./fixture.ts";

const countsOf = (texts: Texts, isManaged: boolean) =>
  planCgroup({
    host: hostOf(texts),
    resources: { memory: { limit: 1 << 26 } },
    cgroupsPath: undefined,
    id: () => "web",
    uid: 0,
    mountsCgroup: false,
    isManaged,
  })?.counts ?? {};

const NAMES = [
  "bytesRead",
  "bytesWritten",
  "cpuTime",
  "memoryLimit",
  "memoryPeak",
  "oomKills",
  "pidsPeak",
] as const;

test("version 1 counts in the hierarchies that the container has a cgroup in", () => {
  for (const texts of [V1, HYBRID]) {
    expect(Object.keys(countsOf(texts, false)).sort()).toEqual(["memoryLimit", "memoryPeak", "oomKills"]);
  }
  const counts = countsOf(HYBRID, true);
  expect(Object.keys(counts).sort()).toEqual([...NAMES]);
  expect(counts.memoryPeak?.[0]?.directory).toEqual(counts.oomKills?.[0]?.directory);
  expect(counts.pidsPeak?.[0]?.directory).not.toEqual(counts.oomKills?.[0]?.directory);
  // Nanoseconds.
  expect(counts.cpuTime?.[0]).toMatchObject({ file: "cpuacct.usage" });
  expect(counts.cpuTime?.[0]?.tens).toBeUndefined();
});

test("version 2 counts in one directory, and the time in microseconds", () => {
  const counts = countsOf(V2, false);
  expect(Object.keys(counts).sort()).toEqual([...NAMES]);
  expect(
    new Set(
      Object.values(counts)
        .flat()
        .map(({ directory }) => directory.name),
    ).size,
  ).toBe(1);
  expect(counts.cpuTime?.[0]).toMatchObject({ file: "cpu.stat", after: "usage_usec ", tens: 3 });
});

test("where the version is found out later, either is asked", () => {
  const [one, other] = [countsOf(HYBRID, false), countsOf(V2, false)];
  const both = eitherCount(one, other);
  expect(Object.keys(both).sort()).toEqual([...NAMES]);
  expect(both.oomKills?.map(({ file }) => file)).toEqual(["memory.oom_control", "memory.events"]);
  expect(both.pidsPeak?.map(({ file }) => file)).toEqual(["pids.peak"]);
  expect(eitherCount({}, {})).toEqual({});
});

test("the words before numbers differ in their last eight characters from the others of their files", () => {
  const others = [
    "oom_group_kill ",
    "oom_kill_disable ",
    "oom ",
    "user_usec ",
    "system_usec ",
    "core_sched.force_idle_usec ",
  ];
  for (const { after } of [
    ...Object.values(countsOf(V1, true)),
    ...Object.values(countsOf(V2, true)),
  ].flat()) {
    if (after !== undefined) expect(others.filter((other) => other.endsWith(after.slice(-8)))).toEqual([]);
  }
});

test("a cgroup that systemd has made is counted from when it is open, because nobody here has made it", () => {
  const own = directory("v2", { parent: "/c", name: "x", ancestors: [] });
  for (const isThere of ["always", "perhaps"] as const) {
    const { oomKills = [] } = countsV2({ ...own, isThere });
    expect(oomKills).toMatchObject([{ directory: own.self, made: own.self }]);
  }
  expect(countsV2(own).oomKills).toMatchObject([{ directory: own.self, made: own.made }]);
});
