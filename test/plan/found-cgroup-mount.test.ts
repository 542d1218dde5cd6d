/** What a file mounts of cgroups; test/e2e/compile-cgroup.test.ts looks at it. */
import { expect, test } from "bun:test";
import { slot } from "../../src/plan/build.ts";
import { foundCgroupMount, holdFoundViews, type View } from "../../src/plan/found-cgroup-mount.ts";
import { printPlan } from "../../src/plan/print.ts";

const shown = (view: View, isOwn = true) => ({
  why: "mount cgroup",
  key: "mounts[0]",
  found: { version2: slot("v2"), above: "/sys/fs/cgroup", path: "box", isOwn: { v1: isOwn, v2: isOwn } },
  view,
});
const mounted = (view: View, isOwn?: boolean): string =>
  printPlan(foundCgroupMount(shown(view, isOwn), slot("target"), { attributes: 1, safe: 14 }), "x86_64");

test("in a cgroup namespace every hierarchy is mounted anew", () => {
  const text = mounted("new");
  for (const part of [
    'fsopen("cgroup2"',
    'fsopen("cgroup"',
    // Else the kernel shows "none" in the container's mounts, where hutch run shows "cgroup".
    'FSCONFIG_SET_STRING, "source", "cgroup"',
    "MOUNT_ATTR_RDONLY",
  ]) {
    expect(text).toContain(part);
  }
  expect(text).not.toContain("open_tree");
});

test("without one the container's directories are bound, and no hierarchy is mounted", () => {
  const text = mounted("bind");
  expect(text.match(/open_tree\(/g)).toHaveLength(2);
  expect(text).not.toContain('fsopen("cgroup');
});

test("where it has none of its own, the hierarchy's root is shown if the caller's is not to be seen", () => {
  expect(mounted("bind", false).match(/open_tree\(/g)).toHaveLength(4);
});

test("what init may not look for the launcher opens", () => {
  expect(mounted("held")).not.toContain("open_tree(");
  expect(printPlan(holdFoundViews(shown("held")), "x86_64").match(/open_tree\(/g)).toHaveLength(2);
  expect(holdFoundViews(shown("bind"))).toEqual([]);
});
