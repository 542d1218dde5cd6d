import { expect, test } from "bun:test";
import { parseMountinfo } from "../../src/host/mountinfo.ts";

test("a line is read field by field", () => {
  const line = "36 35 98:0 /sub /mnt rw,noatime shared:7 master:1 - ext3 /dev/root rw,errors=continue";
  expect(parseMountinfo(`${line}\n`)).toEqual([
    {
      id: 36,
      parent: 35,
      major: 98,
      minor: 0,
      root: "/sub",
      mountPoint: "/mnt",
      options: ["rw", "noatime"],
      shared: 7,
      master: 1,
      unbindable: false,
      type: "ext3",
      source: "/dev/root",
      superOptions: ["rw", "errors=continue"],
    },
  ]);
});

test("a mount without optional fields is private", () => {
  const [mount] = parseMountinfo("1 0 0:2 / / rw - rootfs rootfs rw");
  expect(mount).toMatchObject({ shared: undefined, master: undefined, unbindable: false, type: "rootfs" });
});

test("an unbindable mount and unknown optional fields are understood", () => {
  const [mount] = parseMountinfo("1 0 0:2 / / rw unbindable propagate_from:3 new:9 - tmpfs none rw");
  expect(mount).toMatchObject({ unbindable: true, type: "tmpfs", source: "none" });
});

test("spaces, tabs, newlines, backslashes and hyphens in names are given as they are", () => {
  const [mount] = parseMountinfo("1 0 0:2 /a\\040b /x\\011y\\012z\\134040ü rw - fuse.- - rw");
  expect(mount).toMatchObject({ root: "/a b", mountPoint: "/x\ty\nz\\040ü", type: "fuse.-", source: "-" });
});

test("what is no mount is left out", () => {
  expect(parseMountinfo("\nnonsense\n1 2 3:4 / /")).toEqual([]);
});
