/** Plans of cgroups for a machine that nobody has seen; test/e2e/compile.test.ts runs them. */
import { expect, test } from "bun:test";
import { planFoundCgroup } from "../../src/cgroup/found.ts";
import { slot } from "../../src/plan/build.ts";
import { printPlan } from "../../src/plan/print.ts";

const plan = (isRoot: boolean, cgroupsPath?: string) =>
  planFoundCgroup({
    resources: { pids: { limit: 5 } },
    cgroupsPath,
    isRoot,
    mountsCgroup: false,
    isRealtime: false,
  });
const text = (isRoot: boolean, path?: string): string =>
  printPlan(plan(isRoot, path)?.create ?? [], "x86_64");

test("nothing wanted is nothing planned", () => {
  const input = { resources: undefined, cgroupsPath: undefined, isRoot: false, isRealtime: false };
  expect(planFoundCgroup({ ...input, mountsCgroup: false })).toBeUndefined();
  const shown = planFoundCgroup({ ...input, mountsCgroup: true });
  expect(printPlan(shown?.create ?? [], "x86_64")).toContain('statfs("/sys/fs/cgroup"');
  expect(shown?.into).toBeUndefined();
});

test("root's container is in every hierarchy that it is shown", () => {
  const input = { resources: undefined, cgroupsPath: undefined, isRoot: true, isRealtime: false };
  const shown = planFoundCgroup({ ...input, mountsCgroup: true });
  expect(printPlan(shown?.create ?? [], "x86_64")).toContain("mkdirat(");
  expect(shown?.found?.isOwn).toEqual({ v1: true, v2: true });
  expect(planFoundCgroup({ ...input, mountsCgroup: false })).toBeUndefined();
});

test("both versions are there, and one is taken when the program runs", () => {
  const root = text(true);
  expect(root).toContain('openat(AT_FDCWD, "/sys/fs/cgroup/pids"');
  expect(root).toContain('"/sys/fs/cgroup/cgroup.subtree_control"');
  expect(root).toContain("getpid()");
  expect(plan(true)?.intoWhen).toEqual(slot("cgroups are version 2"));
});

test("a path of the spec is taken as it is, and no name is made up", () => {
  const root = text(true, "/a/b");
  expect(root).toContain('"/sys/fs/cgroup/pids/a"');
  expect(root).toContain('"/sys/fs/cgroup/a"');
  expect(root).not.toContain("getpid()");
});

test("an ordinary user's cgroup of version 2 lies beside its own", () => {
  const user = text(false);
  expect(user).toContain('"/proc/self/cgroup"');
  expect(user).not.toContain('"/sys/fs/cgroup/cgroup.subtree_control"');
});
