/** The root of the container: made on top of "/" in a new mount namespace, and entered by pivot_root(2). */
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../linux/mount.ts";
import { STATX_ATTR_MOUNT_ROOT, STATX_BASIC_STATS, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, jump, label, load, set, slot } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { overlayRoot } from "./overlay.ts";
import { isFrozen } from "./pack.ts";
import { openSource, ROOT_KEY, type Source } from "./source.ts";
import { hostPath, subjectOfRoot, toldPath, toldRoot } from "./standalone.ts";
import type { Slot, Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto, openTarget } from "./target.ts";

/** The O_PATH descriptor of the container's root, from its attachment until exec. */
export const ROOT = slot("root");
const OLD_ROOT = slot("old root");

/** OCI config-linux, "Rootfs Mount Propagation"; the words with r mean the same for the whole tree. */
const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED,
  slave: MS_SLAVE,
  rslave: MS_SLAVE,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE,
};

const rootPropagation = ({ spec }: Context): number | undefined => {
  const word = spec.linux?.rootfsPropagation;
  return word === undefined ? undefined : PROPAGATION[word];
};

/** Cuts the new mount namespace off from the host: mounts made here must not appear there. */
export function isolateMounts(context: Context): Step[] {
  const wish = rootPropagation(context);
  // A slave still sees what the host mounts later, as binds with rslave want it; an unbindable tree could not
  // be cloned, so that wish is granted after the root is entered.
  const flag = wish === undefined || wish === MS_UNBINDABLE ? MS_SLAVE : wish;
  const word = Object.keys(PROPAGATION).find((name) => PROPAGATION[name] === flag);
  const steps = [call(`make the host's mounts ${word}`, "mount", [0, "/", 0, MS_REC | flag, 0])];
  if (flag === MS_SHARED) {
    // The parent of the new root must not be shared, or the kernel refuses pivot_root with EINVAL.
    steps.push(call("keep the root's own mount private", "mount", [0, "/", 0, MS_PRIVATE, 0]));
  }
  return steps;
}

/** Gives attributes to a detached tree, with all that is mounted in it. */
const setTree = (why: string, tree: Slot, attributes: number): Step =>
  call(why, "mount_setattr", [
    tree,
    "",
    AT_EMPTY_PATH | AT_RECURSIVE,
    mountAttr({ set: attributes }),
    MOUNT_ATTR_SIZE,
  ]);

/** Makes a detached tree read-only; device nodes in it are dead. */
const freeze = (why: string, tree: Slot): Step => setTree(why, tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);

/** What holds for the root's whole tree before anything is mounted on it. */
function restrictTree({ launch }: Context, path: string, tree: Slot): Step[] {
  if (launch.readonlyTree) return [freeze(`make ${path} and all below it read-only`, tree)];
  // An overlay has no device nodes alive itself, whatever its layers hold.
  if (!launch.nodev || launch.overlay !== undefined) return [];
  return [setTree(`let no device node of ${path} work`, tree, MOUNT_ATTR_NODEV)];
}

/**
 * The source of the root; without submounts it is one mount, except where the kernel copies only whole
 * trees.
 */
export const rootSource = (context: Context): Source => ({
  path: context.spec.root?.path ?? "/",
  recursive: context.launch.submounts === undefined || (isNew(context, "user") && context.host.uid !== 0),
  into: slot("root tree"),
  key: ROOT_KEY,
});

/** The sources of the mount points below the root. */
export const submountSources = ({ launch }: Context): Source[] =>
  (launch.submounts ?? []).map((path) => ({
    path,
    recursive: true,
    into: slot("submount"),
    key: `submount ${path}`,
  }));

/** Hooks of createContainer look for the container's files at root.path, with all that is mounted there. */
function placeOf(context: Context, path: string): string | Slot {
  const { spec, launch } = context;
  const isShown = (launch.creates || launch.bundle !== undefined) && spec.hooks?.createContainer?.length;
  // What is packed has no place on the host.
  return isShown && launch.standalone?.pack === undefined ? hostPath(context, path, true) : "/";
}

/**
 * Attaches the container's root on top of "/". Path look-ups keep starting at the old root, so the host's
 * files can still be named while the new root is built; and nothing has to be mounted on any directory of the
 * host's.
 */
export function attachRoot(context: Context): Step[] {
  const { launch } = context;
  const source = rootSource(context);
  const { into: tree } = source;
  const path = toldRoot(context, source.path);
  const why = `attach the root ${path}`;
  return [
    ...openSource(context, why, source),
    ...restrictTree(context, path, tree),
    ...(launch.overlay === undefined ? [set(ROOT, tree)] : overlayRoot(context, launch.overlay, tree, ROOT)),
    call(why, "move_mount", [ROOT, "", AT_FDCWD, placeOf(context, source.path), MOVE_MOUNT_F_EMPTY_PATH], {
      hints: { EINVAL: "a root is a directory" },
      ...subjectOfRoot(context),
    }),
    ...submountSources(context).flatMap((submount) => attachSubmount(context, submount)),
  ];
}

/** Shows a mount of the host below the root at the same place, read-only. */
function attachSubmount(context: Context, source: Source): Step[] {
  const root = context.spec.root?.path ?? "/";
  const path = root === "/" ? source.path : source.path.slice(root.length);
  const why = `show the host's mount ${toldPath(context, source.path)}, read-only`;
  const target = slot("target");
  return [
    ...openSource(context, why, source),
    freeze(why, source.into),
    ...openTarget(context, why, ROOT, { path, kind: "directory", into: target, tag: why }),
    moveOnto(why, source.into, target),
  ];
}

/** root.readonly: last, because mount points are created on it before. */
export const makeRootReadonly = (context: Context): Step[] =>
  context.spec.root?.readonly || isFrozen(context)
    ? [
        call("make the root read-only", "mount_setattr", [
          ROOT,
          "",
          AT_EMPTY_PATH,
          mountAttr({ set: MOUNT_ATTR_RDONLY }),
          MOUNT_ATTR_SIZE,
        ]),
      ]
    : [];

/** Enters the root and lets go of the old one. */
export function enterRoot(context: Context): Step[] {
  const wish = rootPropagation(context);
  const why = "enter the root";
  const fallBack = "enter the root: the old one is an initramfs";
  return [
    call("hold on to the old root", "openat", [AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0], { into: OLD_ROOT }),
    call(why, "fchdir", [ROOT]),
    ...(context.launch.noPivot ? [jump("no pivot")] : []),
    call(why, "pivot_root", [".", "."], { errors: { EINVAL: { to: "no pivot" } } }),
    // "." is still the new root for mount(2), and would lose the propagation its mounts were given.
    call("cut the old root off", "fchdir", [OLD_ROOT]),
    // The old root now lies on top of the new one; as a slave, its unmounting cannot reach the host.
    call("cut the old root off", "mount", [0, ".", 0, MS_REC | MS_SLAVE, 0]),
    call("unmount the old root", "umount2", [".", MNT_DETACH]),
    jump("root entered"),
    label("no pivot"),
    ...refuseChroot(fallBack),
    // An initramfs cannot be pivoted. The new root already covers it, and ".." at its top leads back to
    // itself.
    call(fallBack, "chroot", ["."]),
    label("root entered"),
    call(why, "chdir", ["/"]),
    call("let go of the old root", "close", [OLD_ROOT]),
    ...(wish === undefined
      ? []
      : [call(`make the root ${context.spec.linux?.rootfsPropagation}`, "mount", [0, "/", 0, wish, 0])]),
  ];
}

/**
 * pivot_root says EINVAL in a chroot too, where a chroot in its place could be left by "..": only the root of
 * a mount has nothing above it.
 */
function refuseChroot(why: string): Step[] {
  const stat = buffer("statx", STATX_SIZE_OF);
  const attributes = slot("statx field");
  return [
    call(why, "statx", [AT_FDCWD, "/", 0, STATX_BASIC_STATS, stat]),
    load(attributes, stat, STATX_OFFSETS.stx_attributes, 8),
    branch(attributes, "any", STATX_ATTR_MOUNT_ROOT, "an initramfs"),
    {
      kind: "fail",
      message: "enter the root: pivot_root: EINVAL; hint: hutch cannot make containers in a chroot",
    },
    label("an initramfs"),
  ];
}

/** In a joined mount namespace the root is a directory there, entered by chroot(2). */
export const enterJoinedRoot = ({ spec }: Context): Step[] => {
  const path = spec.root?.path ?? "/";
  const why = `enter the root ${path} of the joined mount namespace`;
  return path === "/" ? [] : [call(why, "chroot", [path]), call(why, "chdir", ["/"])];
};
