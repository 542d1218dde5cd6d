import { expect, test } from "bun:test";
import { directory, makeAncestor, makeDirectory } from "../../src/cgroup/directory.ts";

test("what lies above may exist already, the cgroup itself may not", () => {
  const ancestor = makeAncestor("/c/a");
  const [leaf] = makeDirectory(directory("memory", "/c/a/web"));
  expect(ancestor.kind === "call" ? ancestor.errors : undefined).toEqual({ EEXIST: "ignore" });
  expect(leaf?.kind === "call" ? leaf.errors : "no call").toBeUndefined();
  expect(leaf?.kind === "call" ? leaf.hints?.EEXIST : undefined).toContain("may be running");
});

test("a directory counts as made only after it was", () => {
  const made = directory("memory", "/c/web");
  expect(makeDirectory(made).map(({ kind }) => kind)).toEqual(["call", "compute"]);
  expect(makeDirectory(made)[1]).toMatchObject({ op: "set", into: made.made, left: 1 });
});

test("directories of different keys have slots of their own", () => {
  expect(directory("cpu", "/c").made).not.toEqual(directory("pids", "/c").made);
});
