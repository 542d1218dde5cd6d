import { expect, test } from "bun:test";
import { checkV2, createV2, membershipV2 } from "../../src/cgroup/v2.ts";
import type { Step } from "../../src/plan/step.ts";
import { GIVEN, hostOf, pathOf, V2 } from "./fixture.ts";

const CGROUP = "/sys/fs/cgroup";
const MIB = 1024 * 1024;
const { unified = { mount: "", own: "" } } = hostOf(V2);

const whys = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === "call" ? [`${step.name}: ${step.why}`] : []));

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
  const spare = ["cpu", "memory", "pids"];
  const steps = createV2(membershipV2(unified, { pids: { limit: 3 } }, undefined, 0, spare));
  const tried = steps.filter((step) => step.kind === "call" && step.why.includes("if it is there"));
  expect(tried.map((step) => (step.kind === "call" ? step.args[1] : ""))).toEqual(["+cpu", "+memory"]);
  for (const step of tried) expect(step).toMatchObject({ name: "write", errors: { ENOENT: "ignore" } });
  expect(handed(steps)).toEqual([`+pids to ${CGROUP}/cgroup.subtree_control`]);
});

test("files of every cgroup need no controller, and a controller that was not delegated is told by name", () => {
  const looks = { text: () => "cpu pids\n", isWritable: () => false };
  const check = (resources: object) => checkV2(membershipV2(unified, resources, "/web", 0), looks);
  expect(() => check({ unified: { "cgroup.max.depth": "3" }, pids: { limit: 1 } })).not.toThrow();
  expect(() => check({ memory: { limit: MIB } })).toThrow("limit memory: the machine has no such controller");
});

test("controllers are handed down from the root to above the cgroup", () => {
  const resources = { memory: { limit: MIB }, pids: { limit: 3 } };
  const steps = createV2(membershipV2(unified, resources, "/a/web", 0));
  const opened = whys(steps).filter((why) => !/^(write|close)|: (take|read) /.test(why));
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
  expect(enabling.at(-1)?.hints?.EACCES).toContain("systemctl edit user@.service");
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
