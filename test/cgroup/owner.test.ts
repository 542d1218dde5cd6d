import { expect, test } from "bun:test";
import { directory } from "../../src/cgroup/directory.ts";
import { handTo } from "../../src/cgroup/owner.ts";

const WEB = directory("x", { parent: "/c", name: "web", ancestors: [] });
const given = (list: string | undefined) =>
  handTo(1000, WEB, { text: () => list, isWritable: () => true }).map((step) =>
    step.kind === "call" ? [step.args[1], step.args[2], step.errors?.ENOENT] : [],
  );

test("the directory and what the kernel lists change hands, and no limit does", () => {
  expect(given("cgroup.procs\nmemory.oom.group\n")).toEqual([
    ["", 1000, undefined],
    ["cgroup.procs", 1000, "ignore"],
    ["memory.oom.group", 1000, "ignore"],
  ]);
});

test("without a list of the kernel's, the files that the specification names", () => {
  const files = given(undefined).map(([file]) => file);
  expect(files).toEqual(["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]);
});
