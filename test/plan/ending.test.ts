import { expect, test } from "bun:test";
import { planCgroup } from "../../src/cgroup/index.ts";
import type { Launch } from "../../src/plan/context.ts";
import { makeContext } from "../../src/plan/context.ts";
import { tellEnding } from "../../src/plan/ending.ts";
import { planContainer } from "../../src/plan/order.ts";
import type { Resources } from "../../src/spec/resources.ts";
import { HYBRID, hostOf, V2 } from "../cgroup/fixture.ts";
import { calls, HOST, LAUNCH, spec } from "./fixture.ts";

const LIMITED: Resources = { memory: { limit: 1 << 26 } };

const contextOf = (resources: Resources, launch: Partial<Launch> = {}, texts = V2) => {
  const cgroup = planCgroup({
    host: hostOf(texts),
    resources,
    cgroupsPath: undefined,
    id: () => "box",
    uid: 0,
    mountsCgroup: false,
  });
  return makeContext(spec({}, { resources }), HOST, { ...LAUNCH, ...launch }, cgroup);
};

test("only a container that has a limit of memory, or is reported, tells of its end", () => {
  expect(tellEnding(contextOf({}))).toEqual([]);
  expect(tellEnding(contextOf({ pids: { limit: 5 } }))).toEqual([]);
  expect(tellEnding(contextOf({ memory: { limit: -1 } }))).toEqual([]);
  expect(tellEnding(contextOf(LIMITED)).length).toBeGreaterThan(0);
  expect(tellEnding(contextOf({}, { reports: true })).length).toBeGreaterThan(0);
});

const files = (...of: Parameters<typeof contextOf>): unknown[] =>
  calls(tellEnding(contextOf(...of))).flatMap(({ name, args }) => (name === "openat" ? [args[1]] : []));

test("what is read is what is told", () => {
  const memory = ["memory.events", "memory.max", "memory.peak", "pids.peak"];
  expect(files(LIMITED)).toEqual(memory);
  expect(files(LIMITED, { reports: true })).toEqual([...memory, "cpu.stat", "io.stat", "io.stat"]);
  // Nothing but the memory has a cgroup there.
  expect(files(LIMITED, { reports: true }, HYBRID)).toHaveLength(3);
});

test("it is told when the container has ended, and before its cgroup goes", () => {
  const whys = calls(planContainer(contextOf(LIMITED))).map(({ why }) => why);
  const [collected = 0, told = 0] = ["collect what has ended", "say that memory ran out"].map((why) =>
    whys.indexOf(why),
  );
  expect(collected).toBeGreaterThan(0);
  expect(told).toBeGreaterThan(collected);
  expect(whys.findIndex((why) => why.startsWith("remove the cgroup"))).toBeGreaterThan(told);
});

test("labels are unique also with everything at once, and where nothing is counted", () => {
  for (const resources of [LIMITED, {}]) {
    const plan = planContainer(contextOf(resources, { reports: true, notes: "keep", timeout: 1 }));
    const names = plan.flatMap((step) => (step.kind === "label" ? [step.name] : []));
    expect(new Set(names).size).toBe(names.length);
  }
});
