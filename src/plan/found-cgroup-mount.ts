/**
 * A mount of type cgroup in a file that is started on any machine: on version 1 and hybrid it shows the
 * hierarchies of the table that the launcher has filled. In a cgroup namespace each is mounted anew, and
 * shows the container's part alone; without one the container's directory is bound.
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_RDONLY,
  MS_SLAVE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../linux/mount.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import type { FoundView } from "./cgroup.ts";
import { makeFileSystem } from "./filesystem.ts";
import { CGROUP_MOUNT, eachHierarchy, HIERARCHY, KIND, MOST_HIERARCHIES } from "./hierarchy.ts";
import type { Buffer, Call, Slot, Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto } from "./target.ts";

/**
 * Where what is shown comes from: a new mount, the host's directory, or that directory as the launcher has
 * opened it for this mount.
 */
export type View = "new" | "bind" | "held";

export interface Shown {
  readonly why: string;
  /** Unique within the plan. */
  readonly key: string;
  readonly found: FoundView;
  readonly view: View;
}

const WHOLE = buffer("cgroup controllers", 256);
const COMMA = 0x2c;

const { name: NAME, kind: KIND_OF, path: PATH } = HIERARCHY;
const BYTE = slot("cgroups byte");
const CONTROLLERS = slot("cgroup controllers");
const PIECE = slot("cgroup controller");
const FS = slot("fs");
const VIEW = slot("view");
const PLACE = slot("cgroup directory");
const TREES = slot("cgroup trees at");

const special = { subject: NAME };

/** Makes a directory for the hierarchy in the tmpfs. */
const makePlace = (why: string, tmpfs: Slot): Step[] => [
  call(why, "mkdirat", [tmpfs, NAME, 0o755], special),
  call(why, "openat", [tmpfs, NAME, O_PATH | O_CLOEXEC, 0], { into: PLACE, ...special }),
];

/** `choose` for each of the hierarchy's controllers, the address of whose name is in PIECE; WHOLE names all. */
function eachController(key: string, choose: readonly Step[]): Step[] {
  const to = slot("cgroup copied to");
  return [
    set(CONTROLLERS, NAME),
    set(to, WHOLE),
    set(PIECE, to),
    label(`${key}: copy controllers`),
    load(BYTE, CONTROLLERS, 0, 1),
    store(to, 0, 1, BYTE),
    compute(CONTROLLERS, CONTROLLERS, "add", 1),
    compute(to, to, "add", 1),
    branch(BYTE, "ne", 0, `${key}: copy controllers`),
    set(to, PIECE),
    label(`${key}: controller byte`),
    load(BYTE, to, 0, 1),
    compute(to, to, "add", 1),
    branch(BYTE, "eq", 0, `${key}: controller ends`),
    branch(BYTE, "ne", COMMA, `${key}: controller byte`),
    compute(CONTROLLERS, to, "sub", 1),
    store(CONTROLLERS, 0, 1, 0),
    label(`${key}: controller ends`),
    ...choose,
    set(PIECE, to),
    branch(BYTE, "ne", 0, `${key}: controller byte`),
  ];
}

const link = (why: string, tmpfs: Slot): Step =>
  call(why, "symlinkat", [NAME, tmpfs, PIECE], { errors: { EEXIST: "ignore" }, ...special });

/** The hierarchy in VIEW, mounted anew, with its place in PLACE. */
function mountAnew({ why, key }: Shown, tmpfs: Slot, attributes: number): Step[] {
  const flag = (name: Slot | string): Step =>
    call(why, "fsconfig", [FS, FSCONFIG_SET_FLAG, name, 0, 0], special);
  const open = (type: string): Step[] => [
    call(why, "fsopen", [type, FSOPEN_CLOEXEC], { into: FS, ...special }),
    call(why, "fsconfig", [FS, FSCONFIG_SET_STRING, "source", "cgroup", 0], special),
  ];
  return [
    branch(KIND_OF, "eq", KIND.version2, `${key}: hierarchy of version 2`),
    ...open("cgroup"),
    branch(KIND_OF, "eq", KIND.named, `${key}: hierarchy by name`),
    ...eachController(key, [flag(PIECE), link(why, tmpfs)]),
    jump(`${key}: hierarchy chosen`),
    label(`${key}: hierarchy by name`),
    flag("none"),
    call(why, "fsconfig", [FS, FSCONFIG_SET_STRING, "name", NAME, 0], special),
    jump(`${key}: hierarchy chosen`),
    label(`${key}: hierarchy of version 2`),
    ...open("cgroup2"),
    label(`${key}: hierarchy chosen`),
    call(why, "fsconfig", [FS, FSCONFIG_CMD_CREATE, 0, 0, 0], special),
    call(why, "fsmount", [FS, FSMOUNT_CLOEXEC, attributes], { into: VIEW, ...special }),
    call(why, "close", [FS]),
  ];
}

const ABOVE = slot("cgroup view above");
const FLAGS = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

/** The directory `path` below ABOVE, detached, in VIEW. */
function openView(
  { why, key, path, isOwn }: { why: string; key: string; path: string | Slot; isOwn: boolean },
  subject: Pick<Call, "subject">,
): Step[] {
  const opened = `${key}: view opened`;
  const open = (from: string | Slot, errors: Pick<Call, "errors">): Step =>
    call(why, "open_tree", [ABOVE, from, FLAGS], { into: VIEW, ...errors, ...subject });
  return isOwn
    ? [open(path, {})]
    : [
        open(path, { errors: { ENOENT: "ignore" } }),
        branch(VIEW, "ge", 0, opened),
        open("", {}),
        label(opened),
      ];
}

const openAbove = (why: string, from: number | Slot, path: string | Buffer | Slot): Step =>
  call(why, "openat", [from, path, O_PATH | O_CLOEXEC, 0], { into: ABOVE });

/** What is bound on version 2, in VIEW. */
const openVersion2 = ({ why, key, found: { above, path, isOwn } }: Shown): Step[] => [
  openAbove(why, AT_FDCWD, above),
  ...openView(
    { why, key: `${key} of version 2`, path, isOwn: isOwn.v2 },
    typeof path === "string" ? {} : { subject: path },
  ),
  call(why, "close", [ABOVE]),
];

const CGROUPS = slot("cgroups of the host");

const openCgroups = (why: string): Step =>
  call(why, "openat", [AT_FDCWD, CGROUP_MOUNT, O_PATH | O_CLOEXEC, 0], { into: CGROUPS });

/** What is bound of one hierarchy, in VIEW. */
const openHierarchy = ({ why, key, found }: Shown): Step[] => [
  openAbove(why, CGROUPS, NAME),
  ...openView({ why, key: `${key} of version 1`, path: PATH, isOwn: found.isOwn.v1 }, special),
  call(why, "close", [ABOVE]),
];

const heldSlot = (key: string): Slot => slot(`source ${key} cgroup`);
const heldTrees = (key: string): Buffer => buffer(`sources ${key} cgroups`, MOST_HIERARCHIES * 8);

/** In the launcher: opens for init what it may not be allowed to look for. */
export function holdFoundViews(shown: Shown): Step[] {
  const { why, key, found, view } = shown;
  if (view !== "held") return [];
  const [other, done] = [`${key}: hold version 1`, `${key}: held`];
  const slave = call(why, "mount_setattr", [
    VIEW,
    "",
    AT_EMPTY_PATH,
    mountAttr({ propagation: MS_SLAVE }),
    MOUNT_ATTR_SIZE,
  ]);
  return [
    branch(found.version2, "eq", 0, other),
    ...openVersion2(shown),
    slave,
    set(heldSlot(key), VIEW),
    jump(done),
    label(other),
    openCgroups(why),
    set(TREES, heldTrees(key)),
    ...eachHierarchy(
      `${key}: hold`,
      ["name", "path"],
      [...openHierarchy(shown), slave, store(TREES, 0, 8, VIEW), compute(TREES, TREES, "add", 8)],
    ),
    call(why, "close", [CGROUPS]),
    label(done),
  ];
}

/** The hierarchy in VIEW, bound, with its place in the tmpfs and links to it. */
const bindHierarchy = (shown: Shown, tmpfs: Slot): Step[] => [
  ...(shown.view === "held"
    ? [load(VIEW, TREES, 0, 8), compute(TREES, TREES, "add", 8)]
    : openHierarchy(shown)),
  branch(KIND_OF, "ne", KIND.controllers, `${shown.key}: hierarchy without controllers`),
  ...eachController(shown.key, [link(shown.why, tmpfs)]),
  label(`${shown.key}: hierarchy without controllers`),
];

/** Fills the tmpfs of version 1, which is attached already, with a directory per hierarchy. */
function fillHierarchies(shown: Shown, tmpfs: Slot, attributes: number): Step[] {
  const { why, key, view } = shown;
  const restrict = call(
    why,
    "mount_setattr",
    [VIEW, "", AT_EMPTY_PATH, mountAttr({ set: attributes }), MOUNT_ATTR_SIZE],
    special,
  );
  const isBound = view !== "new";
  return [
    ...(view === "bind" ? [openCgroups(why)] : []),
    ...(view === "held" ? [set(TREES, heldTrees(key))] : []),
    ...eachHierarchy(key, isBound ? ["name", "kind", "path"] : ["name", "kind"], [
      ...makePlace(why, tmpfs),
      ...(isBound ? [...bindHierarchy(shown, tmpfs), restrict] : mountAnew(shown, tmpfs, attributes)),
      moveOnto(why, VIEW, PLACE, special),
      call(why, "close", [PLACE]),
    ]),
    ...(view === "bind" ? [call(why, "close", [CGROUPS])] : []),
  ];
}

/** Version 2: the one mount, in VIEW. */
function viewVersion2(shown: Shown, attributes: number): Step[] {
  const { why, key, view } = shown;
  if (view === "new") {
    return makeFileSystem(why, { type: "cgroup2", source: "cgroup", data: [], attributes, into: VIEW });
  }
  return [
    ...(view === "bind" ? openVersion2(shown) : [set(VIEW, heldSlot(key))]),
    call(why, "mount_setattr", [VIEW, "", AT_EMPTY_PATH, mountAttr({ set: attributes }), MOUNT_ATTR_SIZE]),
  ];
}

/** What is mounted on `target`. */
export function foundCgroupMount(
  shown: Shown,
  target: Slot,
  { attributes, safe }: { readonly attributes: number; readonly safe: number },
): Step[] {
  const { why, key, found } = shown;
  const tmpfs = slot("mount");
  const readOnly = mountAttr({ set: MOUNT_ATTR_RDONLY });
  return [
    branch(found.version2, "eq", 0, `${key}: mount cgroups of version 1`),
    ...viewVersion2(shown, attributes),
    moveOnto(why, VIEW, target),
    jump(`${key}: cgroups mounted`),
    label(`${key}: mount cgroups of version 1`),
    ...makeFileSystem(why, {
      type: "tmpfs",
      source: "cgroup",
      data: ["mode=755"],
      attributes: safe,
      into: tmpfs,
    }),
    moveOnto(why, tmpfs, target),
    ...fillHierarchies(shown, tmpfs, attributes),
    ...((attributes & MOUNT_ATTR_RDONLY) === 0
      ? []
      : [call(why, "mount_setattr", [tmpfs, "", AT_EMPTY_PATH, readOnly, MOUNT_ATTR_SIZE])]),
    label(`${key}: cgroups mounted`),
  ];
}
