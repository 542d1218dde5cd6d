/** The hierarchies that a file finds; test/e2e/compile-cgroup.test.ts runs it. */
import { expect, test } from "bun:test";
import {
  eachOf,
  enterHierarchies,
  findHierarchies,
  removeHierarchies,
} from "../../src/cgroup/found-hierarchy.ts";
import { slot } from "../../src/plan/build.ts";
import { GIVEN_NAME } from "../../src/plan/own-name.ts";
import { printPlan } from "../../src/plan/print.ts";
import type { Step } from "../../src/plan/step.ts";

const text = (steps: readonly Step[]): string => printPlan(steps, "x86_64");
const SLOTS = { version2: slot("v2"), into: slot("into"), intoWhen: slot("into when") };
const found = (each: ReturnType<typeof eachOf> | undefined, isRealtime = false): string =>
  text(findHierarchies({ known: [], path: GIVEN_NAME, each, isRealtime, ...SLOTS }));

test("without a cgroup of its own nothing is made", () => {
  const shown = found(undefined);
  expect(shown).toContain('"/proc/self/cgroup"');
  expect(shown).not.toContain("mkdirat");
});

test("a name of hutch's choice lies right below the root of each hierarchy, and is always new", () => {
  const made = found(eachOf(undefined, GIVEN_NAME));
  expect(made.match(/mkdirat/g)).toHaveLength(1);
  expect(made).not.toContain("flock");
});

test("a path of the spec is made from the root of each hierarchy, and may be there", () => {
  const made = found(eachOf("/a/b/c", GIVEN_NAME));
  for (const part of ['"./a"', '"./a/b"', '"c"', "flock", '"./a/cpuset.cpus"', '"freezer.state"'])
    expect(made).toContain(part);
  expect(eachOf("/a/b/c", GIVEN_NAME).directory.text).toBe("/a/b/c in each hierarchy");
});

test("a realtime process enters no new cgroup of cpu", () => {
  const each = eachOf(undefined, GIVEN_NAME);
  const branches = (of: string): number => of.match(/next hierarchy/g)?.length ?? 0;
  expect(branches(found(each, true))).toBe(branches(found(each)) + 4);
});

test("what was made is entered and removed in one loop", () => {
  const each = eachOf(undefined, GIVEN_NAME);
  expect(text(enterHierarchies(each)).match(/write\(/g)).toHaveLength(1);
  expect(text(removeHierarchies([], each))).toContain("unlinkat");
});
