/**
 * A mount of type cgroup in a file that is started on any machine: which hierarchies there are it reads in
 * /proc/self/cgroup. It takes a cgroup namespace, in which a new mount shows the container's part alone.
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY } from "../linux/fcntl.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_RDONLY,
} from "../linux/mount.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import { makeFileSystem } from "./filesystem.ts";
import type { Call, Slot, Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto } from "./target.ts";

const SIZE = 16384;
const LINES = buffer("cgroups of this process", SIZE);
const WHOLE = buffer("cgroup hierarchy", 256);
const [COLON, COMMA, NEWLINE] = [0x3a, 0x2c, 0x0a];
/** "name", the beginning of "name=systemd". */
const NAME = 0x656d616e;
const NAME_EQUALS = "name=".length;

const AT = slot("cgroups at");
const BYTE = slot("cgroups byte");
const FIELD = slot("cgroup controllers");
const PIECE = slot("cgroup controller");
const FS = slot("fs");
const VIEW = slot("view");
const PLACE = slot("cgroup directory");

const loadByte = (): Step => load(BYTE, AT, 0, 1);
const advance = (): Step => compute(AT, AT, "add", 1);

/** Cuts the next line: FIELD is its second field, AT the next line; the end is at `done`. */
const takeLine = (done: string): Step[] => [
  loadByte(),
  branch(BYTE, "eq", 0, done),
  label("hierarchy number"),
  loadByte(),
  advance(),
  branch(BYTE, "ne", COLON, "hierarchy number"),
  set(FIELD, AT),
  label("hierarchy field"),
  loadByte(),
  advance(),
  branch(BYTE, "ne", COLON, "hierarchy field"),
  compute(BYTE, AT, "sub", 1),
  store(BYTE, 0, 1, 0),
  label("hierarchy path"),
  loadByte(),
  advance(),
  branch(BYTE, "ne", NEWLINE, "hierarchy path"),
];

/** Makes a directory of the name at FIELD in the tmpfs. */
const makePlace = (why: string, tmpfs: Slot, special: Pick<Call, "subject">): Step[] => [
  call(why, "mkdirat", [tmpfs, FIELD, 0o755], special),
  call(why, "openat", [tmpfs, FIELD, O_PATH | O_CLOEXEC, 0], { into: PLACE, ...special }),
];

/** A keyword for each controller of FIELD, with a link when there are several. */
function chooseControllers(why: string, tmpfs: Slot, special: Pick<Call, "subject">): Step[] {
  const from = slot("cgroup copied from");
  const to = slot("cgroup copied to");
  const choose = (): Step[] => [
    call(why, "fsconfig", [FS, FSCONFIG_SET_FLAG, PIECE, 0, 0], special),
    call(why, "symlinkat", [WHOLE, tmpfs, PIECE], { errors: { EEXIST: "ignore" }, ...special }),
  ];
  return [
    set(from, FIELD),
    set(to, WHOLE),
    label("copy controllers"),
    load(BYTE, from, 0, 1),
    store(to, 0, 1, BYTE),
    compute(from, from, "add", 1),
    compute(to, to, "add", 1),
    branch(BYTE, "ne", 0, "copy controllers"),
    label("next controller"),
    set(PIECE, FIELD),
    label("controller byte"),
    load(BYTE, FIELD, 0, 1),
    branch(BYTE, "eq", 0, "last controller"),
    branch(BYTE, "eq", COMMA, "controller ends"),
    compute(FIELD, FIELD, "add", 1),
    jump("controller byte"),
    label("controller ends"),
    store(FIELD, 0, 1, 0),
    compute(FIELD, FIELD, "add", 1),
    ...choose(),
    jump("next controller"),
    label("last controller"),
    ...choose(),
  ];
}

/** Fills the tmpfs of version 1, which is attached already, with a directory per hierarchy. */
function fillHierarchies(why: string, tmpfs: Slot, attributes: number): Step[] {
  const special = { subject: FIELD };
  const file = slot("cgroup file");
  const open = (type: string): Step[] => [
    call(why, "fsopen", [type, FSOPEN_CLOEXEC], { into: FS, ...special }),
    call(why, "fsconfig", [FS, FSCONFIG_SET_STRING, "source", "cgroup", 0], special),
  ];
  return [
    call(why, "openat", [AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC, 0], { into: file }),
    call(why, "read", [file, LINES, SIZE - 1]),
    call(why, "close", [file]),
    set(AT, LINES),
    label("next hierarchy"),
    ...takeLine("hierarchies shown"),
    load(BYTE, FIELD, 0, 1),
    branch(BYTE, "eq", 0, "hierarchy of version 2"),
    ...open("cgroup"),
    load(BYTE, FIELD, 0, 4),
    branch(BYTE, "eq", NAME, "hierarchy by name"),
    ...makePlace(why, tmpfs, special),
    ...chooseControllers(why, tmpfs, special),
    jump("hierarchy chosen"),
    label("hierarchy by name"),
    compute(FIELD, FIELD, "add", NAME_EQUALS),
    ...makePlace(why, tmpfs, special),
    call(why, "fsconfig", [FS, FSCONFIG_SET_FLAG, "none", 0, 0], special),
    call(why, "fsconfig", [FS, FSCONFIG_SET_STRING, "name", FIELD, 0], special),
    jump("hierarchy chosen"),
    label("hierarchy of version 2"),
    set(FIELD, "unified"),
    ...open("cgroup2"),
    ...makePlace(why, tmpfs, special),
    label("hierarchy chosen"),
    call(why, "fsconfig", [FS, FSCONFIG_CMD_CREATE, 0, 0, 0], special),
    call(why, "fsmount", [FS, FSMOUNT_CLOEXEC, attributes], { into: VIEW, ...special }),
    call(why, "close", [FS]),
    moveOnto(why, VIEW, PLACE, special),
    jump("next hierarchy"),
    label("hierarchies shown"),
  ];
}

/** What is mounted on `target`. */
export function foundCgroupMount(
  why: string,
  version2: Slot,
  target: Slot,
  { attributes, safe }: { readonly attributes: number; readonly safe: number },
): Step[] {
  const tmpfs = slot("mount");
  const readOnly = mountAttr({ set: MOUNT_ATTR_RDONLY });
  return [
    branch(version2, "eq", 0, "mount cgroups of version 1"),
    ...makeFileSystem(why, { type: "cgroup2", source: "cgroup", data: [], attributes, into: VIEW }),
    moveOnto(why, VIEW, target),
    jump("cgroups mounted"),
    label("mount cgroups of version 1"),
    ...makeFileSystem(why, {
      type: "tmpfs",
      source: "cgroup",
      data: ["mode=755"],
      attributes: safe,
      into: tmpfs,
    }),
    moveOnto(why, tmpfs, target),
    ...fillHierarchies(why, tmpfs, attributes),
    ...((attributes & MOUNT_ATTR_RDONLY) === 0
      ? []
      : [call(why, "mount_setattr", [tmpfs, "", AT_EMPTY_PATH, readOnly, MOUNT_ATTR_SIZE])]),
    label("cgroups mounted"),
  ];
}
