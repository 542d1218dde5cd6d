/** Masked and read-only paths (OCI config-linux, "Masked Paths" and "Readonly Paths"). */
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../linux/mount.ts";
import { S_IFCHR, S_IFMT, STATX_BASIC_STATS, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, slot, strings } from "./build.ts";
import type { Context } from "./context.ts";
import { makeFileSystem } from "./filesystem.ts";
import { labelOption } from "./lsm.ts";
import { ROOT } from "./root.ts";
import type { Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto, openInRoot } from "./target.ts";

const TARGET = slot("target");
const MASK = slot("mask");
/** The empty directory that masks them; 0 until the first needs it. */
const MASK_DIRECTORY = slot("mask of directories");
const NULL_DEVICE = slot("null device");

/**
 * Opens the host's null device and makes sure that it is one. A mask that is anything else hides nothing:
 * images have put their own file or symlink at /dev/null (CVE-2025-31133), which is why the container's is
 * never used.
 */
function verifyNullDevice(): Step[] {
  const why = "make sure that the mask is the null device";
  const stat = buffer("statx", STATX_SIZE_OF);
  const field = slot("statx field");
  const load = (offset: number, size: 2 | 4): Step => ({
    kind: "load",
    into: field,
    from: stat,
    offset,
    size,
  });
  return [
    call(why, "openat", [AT_FDCWD, "/dev/null", O_PATH | O_CLOEXEC, 0], { into: NULL_DEVICE }),
    call(why, "statx", [NULL_DEVICE, "", AT_EMPTY_PATH, STATX_BASIC_STATS, stat]),
    load(STATX_OFFSETS.stx_mode, 2),
    compute(field, field, "and", S_IFMT),
    branch(field, "ne", S_IFCHR, "false null device"),
    load(STATX_OFFSETS.stx_rdev_major, 4),
    branch(field, "ne", 1, "false null device"),
    load(STATX_OFFSETS.stx_rdev_minor, 4),
    branch(field, "eq", 3, "true null device"),
    label("false null device"),
    { kind: "fail", message: "mask paths: the host's /dev/null is not the null device (c 1:3)" },
    label("true null device"),
  ];
}

const PATH = slot("path");
const SUBJECT = { subject: PATH } as const;
/** What is done with a path that does not exist: nothing. */
const missing = (next: string) => ({ ENOENT: { to: next }, ENOTDIR: { to: next } }) as const;

/**
 * A file is covered by the null device, a directory by an empty tmpfs; what is not there needs no mask. One
 * tmpfs serves all directories: to make and to end a new one takes the kernel 25 µs more than a mount of it.
 */
function mask(context: Context): Step[] {
  const paths = context.spec.linux?.maskedPaths ?? [];
  if (paths.length === 0) return [];
  const why = "mask";
  const whyDirectory = "mask the directory";
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  return [
    ...verifyNullDevice(),
    label("next mask"),
    { kind: "next", into: PATH, from: strings(paths), done: "masked" },
    openInRoot(why, ROOT, PATH, TARGET, { errors: missing("next mask"), ...SUBJECT }),
    call(why, "open_tree", [NULL_DEVICE, "", flags], { into: MASK, ...SUBJECT }),
    // A file does not fit on a directory: move_mount(2) says EINVAL.
    moveOnto(why, MASK, TARGET, { errors: { EINVAL: { to: "mask directory" } }, ...SUBJECT }),
    jump("next mask"),
    label("mask directory"),
    branch(MASK_DIRECTORY, "ne", 0, "mask another directory"),
    ...makeFileSystem(whyDirectory, {
      type: "tmpfs",
      source: "hutch",
      data: ["nr_inodes=1", ...labelOption(context, "tmpfs")],
      attributes: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
      into: MASK_DIRECTORY,
      ...SUBJECT,
    }),
    moveOnto(whyDirectory, MASK_DIRECTORY, TARGET, SUBJECT),
    jump("next mask"),
    label("mask another directory"),
    // From where the first lies: a mount that is attached nowhere could not be copied before Linux 6.15.
    call(whyDirectory, "open_tree", [MASK_DIRECTORY, "", flags], { into: MASK, ...SUBJECT }),
    moveOnto(whyDirectory, MASK, TARGET, SUBJECT),
    jump("next mask"),
    label("masked"),
  ];
}

/** Covers each path with itself, read-only. */
function makeReadonly(paths: readonly string[]): Step[] {
  if (paths.length === 0) return [];
  const why = "make read-only";
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  const attributes = mountAttr({ set: MOUNT_ATTR_RDONLY });
  const all = AT_EMPTY_PATH | AT_RECURSIVE;
  return [
    label("next read-only"),
    { kind: "next", into: PATH, from: strings(paths), done: "made read-only" },
    openInRoot(why, ROOT, PATH, TARGET, { errors: missing("next read-only"), ...SUBJECT }),
    call(why, "open_tree", [TARGET, "", flags], { into: MASK, ...SUBJECT }),
    call(why, "mount_setattr", [MASK, "", all, attributes, MOUNT_ATTR_SIZE], SUBJECT),
    moveOnto(why, MASK, TARGET, SUBJECT),
    jump("next read-only"),
    label("made read-only"),
  ];
}

/** Read-only first: a mask below a read-only path must stay on top of it. */
export const protectPaths = (context: Context): Step[] => [
  ...makeReadonly(context.spec.linux?.readonlyPaths ?? []),
  ...mask(context),
];
