import { expect, test } from "bun:test";
import { inherit, inheritAbove } from "../../src/cgroup/cpuset.ts";
import { directory } from "../../src/cgroup/directory.ts";
import type { Step } from "../../src/plan/step.ts";

const WEB = directory("x", { parent: "/c/a", name: undefined, ancestors: [] });
const paths = (steps: readonly Step[]) =>
  steps.flatMap((step) => (step.kind === "call" && step.name === "openat" ? [step.args[1]] : []));

test("a new cgroup gets the processors and nodes of the one above", () => {
  expect(paths(inherit(WEB, []))).toEqual([
    "/c/a/cpuset.cpus",
    "cpuset.cpus",
    "/c/a/cpuset.mems",
    "cpuset.mems",
  ]);
});

test("but for those that its settings give", () => {
  const cpus = { controller: "cpuset", file: "cpuset.cpus", text: "0" };
  expect(paths(inherit(WEB, [cpus]))).toEqual(["/c/a/cpuset.mems", "cpuset.mems"]);
});

test("but for a cgroup that was there, which is asked first, and keeps what it has", () => {
  const there = directory("x", { parent: "/c/a", name: "web", ancestors: [] });
  const steps = inherit(there, []);
  expect(paths(steps).slice(0, 3)).toEqual(["cpuset.cpus", "/c/a/cpuset.cpus", "cpuset.cpus"]);
  const [isNew, isThere] = steps.filter(({ kind }) => kind === "branch");
  expect(isNew).toMatchObject({ left: there.made, is: "ne", right: 2 });
  expect(isThere).toMatchObject({ is: "gt", right: 1, to: "cgroup /c/a/web cpuset.cpus" });
});

test("a cgroup above is read first, and written only when it has none", () => {
  const steps = inheritAbove("/c/a");
  expect(paths(steps).slice(0, 3)).toEqual(["/c/a/cpuset.cpus", "/c/cpuset.cpus", "/c/a/cpuset.cpus"]);
  const [branch] = steps.filter(({ kind }) => kind === "branch");
  expect(branch).toMatchObject({ is: "gt", right: 1, to: "cgroup /c/a cpuset.cpus" });
});
