/** Mounts: option words, binds, targets, masks, layers. */
import { describe, expect, test } from "bun:test";
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_SLAVE,
} from "../../src/linux/mount.ts";
import { slot } from "../../src/plan/build.ts";
import { makeDevices } from "../../src/plan/device.ts";
import { makeFileSystem } from "../../src/plan/filesystem.ts";
import { makeIdmaps } from "../../src/plan/idmap-mount.ts";
import { bindSource, mountAll, sortMounts } from "../../src/plan/mount.ts";
import { describe as inWords, sortOptions } from "../../src/plan/mount-options.ts";
import { layerSource } from "../../src/plan/overlay.ts";
import { protectPaths } from "../../src/plan/path.ts";
import { attachRoot, enterRoot, isolateMounts, rootSource } from "../../src/plan/root.ts";
import { opensEarly } from "../../src/plan/source.ts";
import { openTarget, prefixes } from "../../src/plan/target.ts";
import type { Mount } from "../../src/spec/spec.ts";
import { calls, context, HOST, lines, position, spec, USER } from "./fixture.ts";

const mount = (part: Partial<Mount>): Mount => ({
  destination: "/mnt",
  type: "tmpfs",
  source: "tmpfs",
  ...part,
});
const of = (...mounts: Mount[]) => context(spec({}, {}, { mounts }));
const steps = (...mounts: Mount[]) => mountAll(of(...mounts), sortMounts(of(...mounts)));

describe("option words", () => {
  test("are sorted into attributes, data and propagation", () => {
    const options = sortOptions(mount({ options: ["nosuid", "size=4k", "rslave", "mode=755", "nodev"] }), 0);
    expect(options.attributes.set).toBe(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    expect(options.data).toEqual(["size=4k", "mode=755"]);
    expect(options.propagation).toEqual([{ flag: MS_SLAVE, recursive: true }]);
    expect(options.bind).toBeUndefined();
  });

  test("a later word wins over an earlier one", () => {
    expect(sortOptions(mount({ options: ["ro", "rw"] }), 0).attributes.set & MOUNT_ATTR_RDONLY).toBe(0);
    expect(sortOptions(mount({ options: ["noexec", "exec", "noexec"] }), 0).attributes.set).toBe(
      MOUNT_ATTR_NOEXEC,
    );
  });

  test("rbind is recursive, bind is not, and type bind is a bind without a word", () => {
    expect(sortOptions(mount({ options: ["bind"] }), 0).bind).toEqual({ recursive: false });
    expect(sortOptions(mount({ options: ["rbind"] }), 0).bind).toEqual({ recursive: true });
    expect(sortOptions(mount({ type: "bind" }), 0).bind).toEqual({ recursive: false });
  });

  test("a bind takes podman's words about volumes, and refuses words that nobody knows", () => {
    for (const word of ["copy", "nocopy"])
      expect(sortOptions(mount({ type: "bind", options: [word, "ro"] }), 0).attributes.set).toBe(
        MOUNT_ATTR_RDONLY,
      );
    expect(() => sortOptions(mount({ type: "bind", options: ["roo"] }), 0)).toThrow('received "roo"');
  });

  test("what the kernel would pass over is refused, or told to the file system", () => {
    for (const word of ["sync", "dirsync", "lazytime", "acl", "noacl", "iversion"]) {
      expect(() => sortOptions(mount({ type: "bind", options: ["ro", word] }), 0)).toThrow(
        `mounts[0].options[1]: expected an option of bind mounts, received "${word}"`,
      );
    }
    expect(() => sortOptions(mount({ type: "bind", options: ["async", "loud", "nomand"] }), 0)).not.toThrow();
    const options = ["acl", "noacl", "iversion", "noiversion"];
    expect(sortOptions(mount({ options }), 0).data).toEqual(["acl", "noacl", "i_version", "noi_version"]);
  });

  test("propagation alone is no mount", () => {
    for (const type of [undefined, "", "none"]) {
      const wish = { destination: "/mnt", options: ["rshared"], ...(type === undefined ? {} : { type }) };
      expect(() => sortOptions(wish, 3)).toThrow(
        "mounts[3].type: expected a file system, or the option bind",
      );
    }
    expect(sortOptions({ destination: "/mnt", source: "/", options: ["rbind"] }, 0).bind).toBeDefined();
  });

  test("rro is for the whole tree, ro for the mount alone", () => {
    const { attributes, recursiveAttributes } = sortOptions(mount({ type: "bind", options: ["rro"] }), 0);
    expect([attributes.set, recursiveAttributes.set]).toEqual([0, MOUNT_ATTR_RDONLY]);
  });

  test("tmpcopyup and defaults are no options of the file system", () => {
    const options = sortOptions(mount({ options: ["tmpcopyup", "defaults"] }), 0);
    expect([options.copyUp, options.data]).toEqual([true, []]);
  });
});

describe("a mount", () => {
  test("is named with its options", () => {
    const [sorted] = sortMounts(of(mount({ options: ["ro"] })));
    expect(sorted === undefined ? "" : inWords(sorted)).toBe("mount tmpfs on /mnt (ro)");
  });

  test("is made detached, and moved onto a descriptor that was opened inside the root", () => {
    const text = lines(steps(mount({ options: ["nosuid", "size=4k"] })));
    expect(text[0]).toBe('fsopen("tmpfs", FSOPEN_CLOEXEC) → <fs>');
    expect(text.join("\n")).toContain('FSCONFIG_SET_STRING, "size", "4k"');
    expect(text.at(-1)).toContain("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH");
    for (const line of text) expect(line).not.toMatch(/^mount\(/);
    for (const line of text.filter((each) => each.startsWith("openat2(")))
      expect(line).toContain("RESOLVE_IN_ROOT");
  });

  test("of proc or sysfs follows no symlink at all", () => {
    for (const type of ["proc", "sysfs"]) {
      const text = lines(steps(mount({ type, source: type }))).filter((line) =>
        line.startsWith('openat2(<root>, "/mnt"'),
      );
      expect(text.length).toBeGreaterThan(0);
      for (const line of text) expect(line).toContain("RESOLVE_NO_SYMLINKS");
    }
  });

  test("bind of what is not there is refused before the first step", () => {
    expect(() => steps(mount({ type: "bind", source: "/not/there" }))).toThrow(
      "mounts[0].source /not/there: ENOENT",
    );
  });

  test("bind of a file makes a file, bind of a directory a directory", () => {
    const file = lines(steps(mount({ type: "bind", source: "/etc/resolv.conf" }))).join("\n");
    expect(file).toContain("O_CREAT");
    expect(lines(steps(mount({ type: "bind", source: "/srv" }))).join("\n")).not.toContain("O_CREAT");
  });

  test("bind has its source, a file system has none", () => {
    const [bind, file] = sortMounts(
      of(mount({ type: "bind", source: "/srv", options: ["rbind"] }), mount({})),
    );
    expect(bind === undefined ? undefined : bindSource(bind)).toMatchObject({
      path: "/srv",
      recursive: true,
    });
    expect(file === undefined ? "" : bindSource(file)).toBeUndefined();
  });

  test("with id maps needs the maps", () => {
    const bare = of(mount({ type: "bind", source: "/srv", options: ["idmap"] }));
    expect(() => makeIdmaps(bare, sortMounts(bare))).toThrow("idmap without uidMappings");
    const map = [{ containerID: 0, hostID: 1000, size: 1 }];
    const mapped = of(mount({ type: "bind", source: "/srv", uidMappings: map, gidMappings: map }));
    const text = lines(makeIdmaps(mapped, sortMounts(mapped))).join("\n");
    expect(text).toContain("CLONE_NEWUSER");
    expect(text).toContain("0 1000 1");
    expect(text.indexOf("PR_SET_PDEATHSIG, SIGKILL")).toBeLessThan(text.indexOf("ppoll("));
  });

  test("tmpcopyup lays an overlay of what was there over the tmpfs", () => {
    const text = lines(steps(mount({ options: ["tmpcopyup"] }))).join("\n");
    expect(text).toContain('fsopen("overlay"');
    expect(text).toContain("lowerdir");
  });
});

test("a new file system takes a flag for a word, and a string for a pair", () => {
  const text = lines(
    makeFileSystem("why", { type: "t", source: "s", data: ["a", "b=c=d"], attributes: 0, into: slot("m") }),
  );
  expect(text).toContain('fsconfig(<fs>, FSCONFIG_SET_FLAG, "a", NULL, 0)');
  expect(text).toContain('fsconfig(<fs>, FSCONFIG_SET_STRING, "b", "c=d", 0)');
  expect(text.at(-1)).toBe("close(<fs>)");
});

describe("a target", () => {
  test("has every directory above it as a prefix", () => {
    expect(prefixes("/a/b/c")).toEqual(["/a", "/a/b", "/a/b/c"]);
    expect(prefixes("//a/./b/")).toEqual(["/a", "/a/b"]);
    expect(prefixes("/")).toEqual([]);
  });

  test("is made with the directories above it, each opened anew inside the root", () => {
    const into = slot("into");
    const target = { path: "/a/b", kind: "directory", into, tag: "tag" } as const;
    const text = lines(openTarget(context(), "why", slot("root"), target));
    expect(text.filter((line) => line.startsWith("mkdirat("))).toEqual([
      expect.stringContaining('<root>, "a", 0755'),
      expect.stringContaining('"b", 0755'),
    ]);
  });
});

describe("the root", () => {
  test("is one mount with the submounts that are to be seen, or the whole tree", () => {
    expect(rootSource(context(spec(), { submounts: [] })).recursive).toBe(false);
    expect(rootSource(context()).recursive).toBe(true);
  });

  test("an ordinary user copies the whole tree, because the kernel locks it together", () => {
    const own = spec({}, { namespaces: [{ type: "user" }, { type: "mount" }] });
    expect(rootSource(context(own, { submounts: [] }, USER)).recursive).toBe(true);
  });

  test("shared propagation keeps the root's own mount private", () => {
    const shared = lines(isolateMounts(context(spec({}, { rootfsPropagation: "shared" }))));
    expect(shared).toEqual([
      expect.stringContaining("MS_REC|MS_SHARED"),
      expect.stringContaining("MS_PRIVATE"),
    ]);
    expect(lines(isolateMounts(context()))).toEqual([expect.stringContaining("MS_REC|MS_SLAVE")]);
  });

  test("with an overlay has its layers under short names", () => {
    const layered = context(spec(), { overlay: { directory: "/srv/layer", inside: true } });
    expect(layerSource(layered)?.path).toBe("/srv/layer");
    const text = lines(attachRoot(layered)).join("\n");
    expect(text).toContain('"lowerdir", "lower:empty"');
    expect(text).toContain('"upperdir", "layer/upper"');
    const thrown = lines(
      attachRoot(context(spec(), { overlay: { directory: undefined, inside: false } })),
    ).join("\n");
    expect(thrown).toContain('"lowerdir", "lower"');
    expect(thrown).toContain('"upperdir", "upper"');
  });

  test("is pivoted, and only where that cannot be, chrooted after a look that it may be", () => {
    const order = enterRoot(context());
    expect(position(order, "pivot_root(")).toBeLessThan(position(order, "umount2("));
    expect(position(order, "statx(")).toBeLessThan(position(order, "chroot("));
    const pivot = calls(order).find(({ name }) => name === "pivot_root");
    expect(pivot?.errors).toEqual({ EINVAL: { to: "no pivot" } });
  });

  test("its sources are opened before the clone when its user may not be allowed to", () => {
    const own = spec({}, { namespaces: [{ type: "user" }] });
    expect([opensEarly(context(own)), opensEarly(context(own, {}, USER)), opensEarly(context())]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("masked and read-only paths", () => {
  test("none, and nothing is done", () => {
    expect(protectPaths(context(spec({}, { maskedPaths: [], readonlyPaths: [] })))).toEqual([]);
  });

  test("the mask is the host's null device, checked by its number", () => {
    const made = protectPaths(context(spec({}, { maskedPaths: ["/proc/kcore"], readonlyPaths: [] })));
    expect(position(made, '"/dev/null", O_CLOEXEC|O_PATH')).toBeLessThan(position(made, "move_mount("));
    expect(made.some(({ kind }) => kind === "fail")).toBe(true);
  });
});

describe("devices", () => {
  test("are made by root, bound by those who may not", () => {
    expect(lines(makeDevices(context())).filter((line) => line.startsWith("mknodat(")).length).toBe(6);
    const bound = lines(makeDevices(context(spec(), {}, { ...HOST, nested: true }))).join("\n");
    expect(bound).not.toContain("mknodat(");
    expect(bound).toContain('open_tree(AT_FDCWD, "/dev/null"');
  });

  test("nothing is made in a /dev of the host's", () => {
    const host = context(
      spec({}, {}, { mounts: [mount({ destination: "/dev", type: "bind", source: "/srv" })] }),
    );
    expect(makeDevices(host)).toEqual([]);
    const bind = mount({ destination: "/dev", type: "tmpfs", source: "/srv", options: ["rbind"] });
    expect(makeDevices(context(spec({}, {}, { mounts: [bind] })))).toEqual([]);
  });

  test("of the spec replace defaults of the same path", () => {
    const own = spec(
      {},
      { devices: [{ path: "/dev/null", type: "c", major: 9, minor: 9, fileMode: 0o600 }] },
    );
    const made = lines(makeDevices(context(own))).filter((line) => line.includes('"null"'));
    expect(made.length).toBe(1);
  });
});
