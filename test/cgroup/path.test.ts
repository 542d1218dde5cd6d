import { expect, test } from "bun:test";
import { above, placeCgroup } from "../../src/cgroup/path.ts";
import { HutchError } from "../../src/linux/error.ts";

const BASE = { mount: "/c/memory", relative: "/c/memory/user" };

test.each([
  [undefined, "/c/memory/user/hutch-web", []],
  ["", "/c/memory/user/hutch-web", []],
  ["/web", "/c/memory/web", []],
  ["/a/b/web", "/c/memory/a/b/web", ["/c/memory/a", "/c/memory/a/b"]],
  ["web", "/c/memory/user/web", []],
  ["a//./web/", "/c/memory/user/a/web", ["/c/memory/user/a"]],
  ["system.slice:docker:web", "/c/memory/user/system.slice:docker:web", []],
  ["/..web/...", "/c/memory/..web/...", ["/c/memory/..web"]],
])("linux.cgroupsPath %p is %s", (path, directory, ancestors) => {
  expect(placeCgroup(BASE, path, "web")).toEqual({ directory, ancestors });
});

test.each(["..", "/..", "a/../b", "/a/..", "../../memory"])("%s is refused", (path) => {
  expect(() => placeCgroup(BASE, path, "web")).toThrow(HutchError);
});

test.each(["/", "//", ".", "/./"])("%s, which names no cgroup, is refused", (path) => {
  expect(() => placeCgroup(BASE, path, "web")).toThrow("names no cgroup");
});

test("every directory above a cgroup is listed from the top", () => {
  expect(above("/c", "/c/x")).toEqual(["/c"]);
  expect(above("/c", "/c/x/y/z")).toEqual(["/c", "/c/x", "/c/x/y"]);
});
