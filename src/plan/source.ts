/**
 * Detached copies of host directories and files, from open_tree(2): what roots and bind mounts are made
 * of.
 */
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE } from "../linux/fcntl.ts";
import { MOUNT_ATTR_IDMAP, MS_SLAVE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../linux/mount.ts";
import { call, set, slot } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { PACKED } from "./pack.ts";
import { hostPath, refuseHostRoot, subjectOfRoot } from "./standalone.ts";
import type { Slot, Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";

export interface Source {
  /** On the host; where there is a descriptor, for messages alone. */
  readonly path: string;
  /**
   * The descriptor of a directory that the launcher has open, and whose name the plan does not know. It is
   * cloned before init's birth: init has a mount namespace of its own, and may clone nothing of the
   * launcher's.
   */
  readonly at?: Slot;
  readonly recursive: boolean;
  /** The slot that init finds the tree in. */
  readonly into: Slot;
  /** A name that is unique within the plan. */
  readonly key: string;
  /** The user namespace whose id maps the mount translates with, and whether those below it do too. */
  readonly idmap?: { readonly namespace: Slot; readonly recursive: boolean };
}

/** The key of the container's root. */
export const ROOT_KEY = "root";

const HINTS = {
  ENOENT: "the source does not exist on the host",
  EACCES: "a directory above it cannot be searched by the container's user",
  EINVAL: "the source may be unbindable",
} as const;

/**
 * True when root makes a new user namespace: its processes may not be allowed to search the directories above
 * a source (a home of mode 0700), so the launcher opens the sources before the clone.
 */
export const opensEarly = (context: Context): boolean => isNew(context, "user") && context.host.uid === 0;

/** True for a source that the launcher opens. */
export const isEarly = (context: Context, source: Source): boolean =>
  opensEarly(context) || source.at !== undefined;

const held = (source: Source): Slot => slot(`source ${source.key}`);

/** True for a root that was mounted by the launcher, from the program's own file. */
const isPacked = ({ launch }: Context, { key }: Source): boolean =>
  key === ROOT_KEY && launch.standalone?.pack !== undefined;

function cloneTree(context: Context, why: string, source: Source, into: Slot): Step[] {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (source.recursive ? AT_RECURSIVE : 0);
  const { at } = source;
  const isRoot = source.key === ROOT_KEY;
  return [
    at === undefined
      ? call(why, "open_tree", [AT_FDCWD, hostPath(context, source.path, isRoot), flags], {
          into,
          hints: HINTS,
          ...(isRoot ? subjectOfRoot(context) : {}),
        })
      : call(why, "open_tree", [at, "", flags | AT_EMPTY_PATH], { into, hints: HINTS }),
    ...(isRoot ? refuseHostRoot(context, why, into) : []),
    ...(source.idmap === undefined ? [] : [mapIds(why, into, source.idmap)]),
  ];
}

/**
 * Translates the owners of a detached mount's files; the kernel allows it only before the mount is
 * attached.
 */
export const mapIds = (why: string, tree: Slot, idmap: NonNullable<Source["idmap"]>): Step =>
  call(
    `${why}: map its ids`,
    "mount_setattr",
    [
      tree,
      "",
      AT_EMPTY_PATH | (idmap.recursive ? AT_RECURSIVE : 0),
      mountAttr({ set: MOUNT_ATTR_IDMAP, userNamespace: idmap.namespace }),
      MOUNT_ATTR_SIZE,
    ],
    {
      hints: {
        EINVAL: "the file system cannot map ids",
        EPERM: "mapping ids takes CAP_SYS_ADMIN on the host",
      },
    },
  );

/**
 * In the launcher: opens a source for init, cut off from the host's propagation, which init's own mounts are
 * not.
 */
export function openSourceEarly(context: Context, why: string, source: Source): Step[] {
  if (isPacked(context, source)) return [];
  const flags = AT_EMPTY_PATH | (source.recursive ? AT_RECURSIVE : 0);
  const tree = held(source);
  return [
    ...cloneTree(context, why, source, tree),
    call(why, "mount_setattr", [tree, "", flags, mountAttr({ propagation: MS_SLAVE }), MOUNT_ATTR_SIZE]),
  ];
}

/** In init: the tree of a source in `source.into`. */
export function openSource(context: Context, why: string, source: Source): Step[] {
  if (isPacked(context, source)) return [set(source.into, PACKED)];
  return isEarly(context, source)
    ? [set(source.into, held(source))]
    : cloneTree(context, why, source, source.into);
}
