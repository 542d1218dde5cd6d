import { expect, test } from "bun:test";
import { expandSlice, unitOf } from "../../src/cgroup/systemd-unit.ts";

const unit = (path: string | undefined, isUser = false, id = "box") => unitOf(path, () => id, isUser);

test("each dash in the name of a slice is a level", () => {
  expect(expandSlice("system.slice")).toBe("/system.slice");
  expect(expandSlice("user-1000.slice")).toBe("/user.slice/user-1000.slice");
  expect(expandSlice("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
  expect(expandSlice("-.slice")).toBe("");
});

test("what is no name of a slice is refused", () => {
  for (const slice of [
    "",
    ".slice",
    "a",
    "a.scope",
    "-a.slice",
    "a-.slice",
    "a--b.slice",
    "a/b.slice",
    "../a.slice",
  ]) {
    expect(() => expandSlice(slice)).toThrow(`linux.cgroupsPath: the slice "${slice}"`);
  }
});

test("slice:prefix:name is a scope in a slice", () => {
  expect(unit("machine.slice:libpod:abc")).toEqual({
    name: "libpod-abc.scope",
    isSlice: false,
    slice: "machine.slice",
    path: "/machine.slice/libpod-abc.scope",
  });
  expect(unit("user-1000.slice:a:b").path).toBe("/user.slice/user-1000.slice/a-b.scope");
  expect(unit("-.slice:a:b").path).toBe("/a-b.scope");
});

test("without a slice it is the usual one of the system or of the user", () => {
  expect(unit(":docker:1").path).toBe("/system.slice/docker-1.scope");
  expect(unit(":docker:1", true).path).toBe("/user.slice/docker-1.scope");
});

test("without a path the unit has the container's id, with what a unit may not have escaped", () => {
  expect(unit(undefined).name).toBe("hutch-box.scope");
  expect(unit("", true).path).toBe("/user.slice/hutch-box.scope");
  expect(unit(undefined, false, "a+b").name).toBe("hutch-a\\x2bb.scope");
});

test("a name that ends in .slice is a slice, which lies where its own name says", () => {
  expect(unit("kubepods.slice::kubepods-pod1.slice")).toEqual({
    name: "kubepods-pod1.slice",
    isSlice: true,
    slice: "kubepods.slice",
    path: "/kubepods.slice/kubepods-pod1.slice",
  });
});

test("a cgroup whose name the kernel could have for a file has an underscore before it", () => {
  expect(unit(":_a:b").path).toBe("/system.slice/__a-b.scope");
  expect(unit(":memory.a:b").path).toBe("/system.slice/_memory.a-b.scope");
  expect(unit(":memory:b").path).toBe("/system.slice/memory-b.scope");
});

test("paths as cgroupfs has them, and names that no unit can have, are refused with what is expected", () => {
  for (const path of ["/a/b", "a:b", "a.slice:b:c:d", "a.slice:b:"]) {
    expect(() => unit(path)).toThrow(`linux.cgroupsPath "${path}": expected slice:prefix:name`);
  }
  for (const path of [":a:b c", ":a:b/c", ":a:../c", `:a:${"x".repeat(250)}`]) {
    expect(() => unit(path)).toThrow("expected at most 255 letters, digits and");
  }
  expect(() => unit("a b.slice:c:d")).toThrow('the slice "a b.slice"');
});
