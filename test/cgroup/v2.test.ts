import { expect, test } from "bun:test";
import { cpuWeight, createV2, membershipV2, settingsV2 } from "../../src/cgroup/v2.ts";
import type { Step } from "../../src/plan/step.ts";
import { GIVEN, hostOf, pathOf, V2 } from "./fixture.ts";

const CGROUP = "/sys/fs/cgroup";
const MIB = 1024 * 1024;
const { unified = { mount: "", own: "" } } = hostOf(V2);

const written = (resources: Parameters<typeof settingsV2>[0]): string[] =>
  settingsV2(resources).map(({ controller, file, text }) => `${controller}: ${file} = ${text}`);

const whys = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === "call" ? [`${step.name}: ${step.why}`] : []));

test("every limit has its file; swap is what the limit of both leaves", () => {
  expect(
    written({
      memory: { limit: 100 * MIB, swap: 300 * MIB, reservation: 50 * MIB },
      cpu: { shares: 1024, quota: 25_000, period: 50_000 },
      pids: { limit: 32 },
    }),
  ).toEqual([
    "memory: memory.max = 104857600",
    "memory: memory.swap.max = 209715200",
    "memory: memory.low = 52428800",
    "cpu: cpu.weight = 100",
    "cpu: cpu.max = 25000 50000",
    "pids: pids.max = 32",
  ]);
});

test.each([
  [{ memory: { limit: -1, swap: -1 } }, ["memory: memory.max = max", "memory: memory.swap.max = max"]],
  [
    { memory: { limit: MIB, swap: BigInt(MIB) } },
    ["memory: memory.max = 1048576", "memory: memory.swap.max = 0"],
  ],
  [{ cpu: { quota: -1 } }, ["cpu: cpu.max = max 100000"]],
  [{ cpu: { quota: 5000 } }, ["cpu: cpu.max = 5000 100000"]],
  [{ cpu: { period: 5000 } }, ["cpu: cpu.max = max 5000"]],
  [{ pids: { limit: 0 } }, ["pids: pids.max = max"]],
  [{ memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0, period: 0 } }, []],
] as const)("%p writes %p", (resources, lines) => {
  expect(written(resources)).toEqual([...lines]);
});

test.each([
  [1, 1],
  [2, 1],
  [3, 2],
  [512, 59],
  [1024, 100],
  [2000, 170],
  [2048, 174],
  [262_143, 10_000],
  [262_144, 10_000],
])("%i shares are a weight of %i", (shares, weight) => {
  expect(cpuWeight(shares)).toBe(weight);
});

test("weights never decrease when shares grow", () => {
  let before = 0;
  for (let shares = 2; shares <= 262_144; shares += 97) {
    const weight = cpuWeight(shares);
    expect(weight).toBeGreaterThanOrEqual(before);
    before = weight;
  }
});

const place = (path: string | undefined, uid: number) =>
  pathOf(membershipV2(unified, {}, path, uid).directory);

test("root's containers lie below the root of the tree, because hutch's own cgroup has processes", () => {
  expect(place(undefined, 0)).toBe(`${CGROUP}/${GIVEN}`);
  expect(place("a/web", 0)).toBe(`${CGROUP}/a/web`);
  expect(place("/a/web", 0)).toBe(`${CGROUP}/a/web`);
});

test("an ordinary user's containers lie beside hutch's own cgroup", () => {
  const slice = `${CGROUP}/user.slice/user-1000.slice/user@1000.service/app.slice`;
  expect(place(undefined, 1000)).toBe(`${slice}/${GIVEN}`);
  expect(place("a/web", 1000)).toBe(`${slice}/a/web`);
  expect(place("/a/web", 1000)).toBe(`${CGROUP}/a/web`);
  expect(pathOf(membershipV2({ mount: "/c", own: "/c" }, {}, "", 1000).directory)).toBe(`/c/${GIVEN}`);
});

const handed = (steps: readonly Step[]): string[] =>
  whys(steps).flatMap((why) => /^write: hand .* down: write (.*)$/.exec(why)?.[1] ?? []);

test("controllers are handed down to a cgroup of hutch's name only where they are used", () => {
  const resources = { memory: { limit: MIB }, pids: { limit: 3 } };
  const to = `${CGROUP}/cgroup.subtree_control`;
  expect(handed(createV2(membershipV2(unified, resources, undefined, 0)))).toEqual([
    `+memory to ${to}`,
    `+pids to ${to}`,
  ]);
});

test("one that is to be updated gets the other controllers too, where the machine gives them", () => {
  const membership = membershipV2(unified, { pids: { limit: 3 } }, undefined, 0, true);
  const steps = createV2(membership);
  const names = ["pids", "cpu", "cpuset", "io", "memory"];
  expect(handed(steps)).toEqual(names.map((name) => `+${name} to ${CGROUP}/cgroup.subtree_control`));
  const failing = (name: string) =>
    steps.flatMap((step) =>
      step.kind === "call" && step.why.startsWith(`hand ${name}`) ? [Object.keys(step.errors ?? {})] : [],
    );
  expect(failing("pids")).toEqual([[], []]);
  for (const errors of failing("memory")) expect(errors).toContain("ENOENT");
});

test("controllers are handed down from the root to above the cgroup", () => {
  const resources = { memory: { limit: MIB }, pids: { limit: 3 } };
  const steps = createV2(membershipV2(unified, resources, "/a/web", 0));
  const opened = whys(steps).filter(
    (why) => !/^(write|close)/.test(why) && !/hand (cpu|cpuset|io) /.test(why),
  );
  expect(opened).toEqual([
    `openat: hand memory down: write +memory to ${CGROUP}/cgroup.subtree_control`,
    `openat: hand pids down: write +pids to ${CGROUP}/cgroup.subtree_control`,
    `mkdirat: make the cgroup ${CGROUP}/a`,
    `openat: hand memory down: write +memory to ${CGROUP}/a/cgroup.subtree_control`,
    `openat: hand pids down: write +pids to ${CGROUP}/a/cgroup.subtree_control`,
    `openat: open the cgroup ${CGROUP}/a`,
    `mkdirat: make the cgroup ${CGROUP}/a/web`,
    `openat2: open the cgroup ${CGROUP}/a/web`,
    `openat: limit memory: write 1048576 to memory.max of the cgroup ${CGROUP}/a/web`,
    `openat: limit pids: write 3 to pids.max of the cgroup ${CGROUP}/a/web`,
  ]);
});

test("what an administrator delegated is not asked for again: only the last directory must be the user's", () => {
  const steps = createV2(membershipV2(unified, { pids: { limit: 3 } }, undefined, 1000));
  const enabling = steps.flatMap((step) =>
    step.kind === "call" && step.name === "openat" && step.why.startsWith("hand pids") ? [step] : [],
  );
  expect(enabling).toHaveLength(5);
  expect(enabling.slice(0, -1).every(({ errors }) => errors?.EACCES !== undefined)).toBeTrue();
  expect(enabling.at(-1)?.errors?.EACCES).toBeUndefined();
  expect(enabling.at(-1)?.hints?.EACCES).toContain("pids is not delegated to this user");
});

test("device rules become a filter, loaded and attached", () => {
  const steps = createV2(membershipV2(unified, { devices: [{ allow: false }] }, undefined, 0));
  expect(whys(steps).map((why) => why.split(":")[0])).toEqual([
    "openat",
    "mkdirat",
    "openat2",
    "bpf",
    "bpf",
    "close",
  ]);
});
