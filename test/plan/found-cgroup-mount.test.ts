/** Reading the hierarchies; test/e2e/compile.test.ts mounts them. */
import { expect, test } from "bun:test";
import { slot } from "../../src/plan/build.ts";
import { foundCgroupMount } from "../../src/plan/found-cgroup-mount.ts";
import { printPlan } from "../../src/plan/print.ts";

test("what is mounted is found when the program runs", () => {
  const steps = foundCgroupMount("mount cgroup", slot("v2"), slot("target"), { attributes: 1, safe: 14 });
  const text = printPlan(steps, "x86_64");
  for (const part of [
    '"/proc/self/cgroup"',
    'fsopen("cgroup2"',
    'fsopen("cgroup"',
    '"unified"',
    // Else the kernel shows "none" in the container's mounts, where hutch run shows "cgroup".
    'FSCONFIG_SET_STRING, "source", "cgroup"',
    "MOUNT_ATTR_RDONLY",
  ]) {
    expect(text).toContain(part);
  }
});
