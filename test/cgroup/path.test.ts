import { expect, test } from "bun:test";
import { above, placeCgroup } from "../../src/cgroup/path.ts";
import { HutchError } from "../../src/linux/error.ts";

const BASE = { mount: "/c/memory", relative: "/c/memory/user" };

test.each([
  ["/web", "/c/memory", "web", []],
  ["/a/b/web", "/c/memory/a/b", "web", ["/c/memory/a", "/c/memory/a/b"]],
  ["web", "/c/memory/user", "web", []],
  ["a//./web/", "/c/memory/user/a", "web", ["/c/memory/user/a"]],
  ["system.slice:docker:web", "/c/memory/user", "system.slice:docker:web", []],
  ["/..web/...", "/c/memory/..web", "...", ["/c/memory/..web"]],
])("linux.cgroupsPath %p is in %s, by the name of %s", (path, parent, name, ancestors) => {
  expect(placeCgroup(BASE, path)).toEqual({ parent, name, ancestors });
});

test.each([undefined, ""])("linux.cgroupsPath %p leaves the name open, below hutch's own cgroup", (path) => {
  expect(placeCgroup(BASE, path)).toStrictEqual({ parent: "/c/memory/user", name: undefined, ancestors: [] });
});

test.each(["..", "/..", "a/../b", "/a/..", "../../memory"])("%s is refused", (path) => {
  expect(() => placeCgroup(BASE, path)).toThrow(HutchError);
});

test.each(["/", "//", ".", "/./"])("%s, which names no cgroup, is refused", (path) => {
  expect(() => placeCgroup(BASE, path)).toThrow("names no cgroup");
});

test("every directory above a cgroup is listed from the top", () => {
  expect(above("/c", "/c/x")).toEqual(["/c"]);
  expect(above("/c", "/c/x/y/z")).toEqual(["/c", "/c/x", "/c/x/y"]);
});
