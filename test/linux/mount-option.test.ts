import { describe, expect, test } from "bun:test";
import { MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_RDONLY } from "../../src/linux/mount.ts";
import { MOUNT_OPTIONS, mountOption } from "../../src/linux/mount-option.ts";

const attributes = Object.entries(MOUNT_OPTIONS).flatMap(([word, option]) =>
  option.kind === "attribute" ? [[word, option] as const] : [],
);

describe("mount attributes", () => {
  test("come in a recursive form with the same meaning", () => {
    for (const [word, option] of attributes) {
      if (option.recursive) continue;
      expect(mountOption(`r${word}`)).toEqual({ ...option, recursive: true });
    }
    expect(attributes.length).toBe(36);
  });

  test("never set and clear a bit but for the field of access times", () => {
    for (const [word, { set, clear }] of attributes) {
      expect([word, set & clear & ~MOUNT_ATTR__ATIME]).toEqual([word, 0]);
      // The kernel wants the whole field cleared when any value of it is set.
      if ((set & MOUNT_ATTR__ATIME) !== 0) expect([word, clear]).toEqual([word, MOUNT_ATTR__ATIME]);
    }
  });

  test("of opposite words undo each other", () => {
    expect(mountOption("ro")).toEqual({
      kind: "attribute",
      set: MOUNT_ATTR_RDONLY,
      clear: 0,
      recursive: false,
    });
    expect(mountOption("rw")).toEqual({
      kind: "attribute",
      set: 0,
      clear: MOUNT_ATTR_RDONLY,
      recursive: false,
    });
    expect(mountOption("rnoatime")).toMatchObject({ set: MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME });
  });
});

test("every word of the OCI spec's table is known", () => {
  const words =
    "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec " +
    "noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime " +
    "relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro " +
    "rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave " +
    "strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap";
  expect(words.split(" ").filter((word) => mountOption(word) === undefined)).toEqual([]);
});

test("other words are data of the filesystem", () => {
  for (const word of ["size=64k", "mode=755", "nr_inodes", "constructor", "toString"]) {
    expect(mountOption(word)).toBeUndefined();
  }
});
