import { describe, expect, test } from "bun:test";
import { type Manager, planUnit, type UnitInput } from "../../src/cgroup/systemd.ts";
import { slot } from "../../src/plan/build.ts";
import type { Step } from "../../src/plan/step.ts";
import { HYBRID, hostOf, V1, V2 } from "./fixture.ts";

const SYSTEM: Manager = { version: 252, controlGroup: "", isUser: false };
const USER: Manager = {
  version: 252,
  controlGroup: "/user.slice/user-1000.slice/user@1000.service",
  isUser: true,
};

const input = (rest: Partial<UnitInput> = {}): UnitInput => ({
  host: hostOf(V2),
  resources: undefined,
  cgroupsPath: undefined,
  annotations: undefined,
  id: () => "box",
  uid: 0,
  mountsCgroup: false,
  isManaged: true,
  ...rest,
});

const properties = (rest: Partial<UnitInput>, manager = SYSTEM): Record<string, unknown> =>
  Object.fromEntries(planUnit(input(rest), manager).properties.map(([name, { value }]) => [name, value]));

const settled = (rest: Partial<UnitInput>, manager = SYSTEM): Step[] => [
  ...(planUnit(input(rest), manager).cgroup.settle?.(slot("init")) ?? []),
];

/** The reasons of the calls. */
const reasons = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === "call" ? [`${step.name}: ${step.why}`] : []));

test("nothing is made before systemd has made the unit, and nothing entered by init itself", () => {
  for (const host of [V1, HYBRID, V2]) {
    const { cgroup } = planUnit(input({ host: hostOf(host) }), SYSTEM);
    expect(cgroup).toMatchObject({ create: [], enter: [], into: undefined });
    expect(cgroup.settle).toBeDefined();
  }
});

test("a scope is in its slice, delegated and counted", () => {
  expect(properties({})).toEqual({
    Slice: "system.slice",
    Delegate: true,
    MemoryAccounting: true,
    CPUAccounting: true,
    TasksAccounting: true,
    IOAccounting: true,
    DefaultDependencies: false,
  });
  expect(properties({ host: hostOf(HYBRID) })).toMatchObject({ BlockIOAccounting: true });
});

test("a slice wants the one above it, and has no processes of systemd's", () => {
  const cgroupsPath = "kubepods.slice::kubepods-a.slice";
  expect(properties({ cgroupsPath })).toMatchObject({ Wants: ["kubepods.slice"] });
  expect(properties({ cgroupsPath })).not.toHaveProperty("Delegate");
  expect(reasons(settled({ cgroupsPath }))).toContain("write: put init into its cgroup of version 2");
});

test("limits and annotations are properties, and an annotation does not replace a limit", () => {
  const annotations = {
    "org.systemd.property.TimeoutStopSec": "7",
    "org.systemd.property.TasksMax": "uint64 9",
  };
  const resources = { memory: { limit: 4096 }, pids: { limit: 3 } };
  expect(properties({ annotations, resources })).toMatchObject({
    TimeoutStopUSec: "7000000",
    MemoryMax: "4096",
    TasksMax: "3",
  });
});

describe("version 2", () => {
  test("the scope is opened, never made, so that a unit elsewhere is an error", () => {
    const calls = reasons(settled({ resources: { memory: { limit: 4096 } } }));
    expect(calls).toContain("openat2: open the cgroup /sys/fs/cgroup/system.slice/hutch-box.scope");
    expect(calls.filter((each) => each.startsWith("mkdirat") && each.includes(".scope"))).toEqual([]);
    expect(calls.filter((each) => each.includes("memory.max"))).not.toEqual([]);
  });

  test("a user's unit lies below the user's manager", () => {
    const { cgroup } = planUnit(input({ uid: 1000, isManaged: false, cgroupsPath: "a-b.slice:c:d" }), USER);
    expect(cgroup.directories()).toEqual([`/sys/fs/cgroup${USER.controlGroup}/a.slice/a-b.slice/c-d.scope`]);
  });
});

describe("version 1", () => {
  test("init is put into each hierarchy by its pid, also where systemd has made nothing", () => {
    const steps = settled({ host: hostOf(HYBRID) });
    const enters = reasons(steps).filter((each) => each.startsWith("write: enter the cgroup"));
    expect(enters).toContainEqual(expect.stringContaining("/freezer/system.slice/hutch-box.scope"));
    expect(enters).toContainEqual(expect.stringContaining("/memory/system.slice/hutch-box.scope"));
    expect(steps[0]).toMatchObject({ kind: "decimal", value: slot("init") });
  });

  test("a directory that is there is taken as it is, and not removed by the creator", () => {
    const { settle } = planUnit(input({ host: hostOf(HYBRID) }), SYSTEM).cgroup;
    const makes = (settle?.(slot("init")) ?? []).filter(
      (step) => step.kind === "call" && step.name === "mkdirat" && step.why.includes("hutch-box.scope"),
    );
    expect(makes).not.toEqual([]);
    for (const step of makes) expect(step).toMatchObject({ errors: { EEXIST: { to: expect.any(String) } } });
  });

  test("a user's systemd has no controllers there", () => {
    expect(() => planUnit(input({ host: hostOf(HYBRID) }), USER)).toThrow(
      "systemd cgroup driver: a user's systemd has controllers on cgroup v2 alone; hint:",
    );
  });
});

test("without any cgroup file system there is nothing for systemd to make", () => {
  const host = { version: "none", hierarchies: [] } as const;
  expect(() => planUnit(input({ host }), SYSTEM)).toThrow("no cgroup file system is mounted");
});
