/**
 * Opening paths inside a root whose content is hostile.
 *
 * Every path is resolved by openat2(2) with RESOLVE_IN_ROOT: absolute symlinks and ".." stay inside the root,
 * and magic links are not followed. What is mounted is moved onto the descriptor that this gave, never onto a
 * path (CVE-2019-16884, CVE-2021-30465, CVE-2023-27561).
 */
import { O_CLOEXEC, O_CREAT, O_NONBLOCK, O_PATH, O_RDONLY, RESOLVE_IN_ROOT } from "../linux/fcntl.ts";
import { MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH } from "../linux/mount.ts";
import { branch, call, label } from "./build.ts";
import type { Context } from "./context.ts";
import type { Call, Slot, Step } from "./step.ts";
import { OPEN_HOW_SIZE, openHow } from "./struct.ts";

/** Opens `path` below `root`; EAGAIN (a rename raced with "..") is tried again, as openat2(2) advises. */
export function openInRoot(
  why: string,
  root: Slot,
  path: string | Slot,
  into: Slot,
  special: {
    readonly flags?: number;
    readonly mode?: number;
    readonly resolve?: number;
  } & Pick<Call, "errors" | "hints" | "subject"> = {},
): Step {
  const how = openHow(
    (special.flags ?? O_PATH) | O_CLOEXEC,
    special.mode ?? 0,
    RESOLVE_IN_ROOT | (special.resolve ?? 0),
  );
  return call(why, "openat2", [root, path, how, OPEN_HOW_SIZE], {
    into,
    errors: { EAGAIN: "retry", ...special.errors },
    ...(special.hints === undefined ? {} : { hints: special.hints }),
    ...(special.subject === undefined ? {} : { subject: special.subject }),
  });
}

/** Every directory above a path and the path itself: "/a/b" gives "/a", "/a/b". */
export function prefixes(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

const MISSING = {
  EACCES:
    "the container's root may not write there; create the mount point on the host, or give it the directory",
  EROFS: "the root is read-only: make the place on the host, choose one that is there, or add --overlay",
} as const;

/** Creates the directories of `path` below `root` that are missing; a last component is never followed. */
function makeDirectories(context: Context, why: string, root: Slot, path: string, parent: Slot): Step[] {
  const steps: Step[] = [];
  let above = root;
  for (const prefix of prefixes(path)) {
    if (above !== root) {
      steps.push(
        openInRoot(why, root, prefix.slice(0, prefix.lastIndexOf("/")), parent, {
          flags: O_PATH | context.open.O_DIRECTORY,
        }),
      );
    }
    const name = prefix.slice(prefix.lastIndexOf("/") + 1);
    steps.push(call(why, "mkdirat", [above, name, 0o755], { errors: { EEXIST: "ignore" }, hints: MISSING }));
    above = parent;
  }
  return steps;
}

/**
 * Opens a mount target below `root` into `into`, creating it when it is missing: a directory with the
 * directories above it, or an empty file. `resolve` adds RESOLVE_* flags. `path` must be unique within a
 * plan, or `tag` given.
 */
export function openTarget(
  context: Context,
  why: string,
  root: Slot,
  target: {
    readonly path: string;
    readonly kind: "directory" | "file";
    readonly into: Slot;
    readonly tag: string;
    readonly resolve?: number;
    readonly hints?: Call["hints"];
  },
): Step[] {
  const { path, kind, into, tag } = target;
  const found = `${tag} found`;
  const resolve = {
    ...(target.resolve === undefined ? {} : { resolve: target.resolve }),
    ...(target.hints === undefined ? {} : { hints: target.hints }),
  };
  const directory = kind === "directory" ? path : path.slice(0, Math.max(path.lastIndexOf("/"), 0));
  const create =
    kind === "directory"
      ? openInRoot(why, root, path, into, { flags: O_PATH | context.open.O_DIRECTORY, ...resolve })
      : // O_CREAT follows a dangling symlink into the root; O_NONBLOCK: a FIFO must not hold us up.
        openInRoot(why, root, path, into, {
          flags: O_CREAT | O_RDONLY | O_NONBLOCK,
          mode: 0o644,
          ...resolve,
        });
  return [
    openInRoot(why, root, path, into, { ...resolve, errors: { ENOENT: "ignore" } }),
    branch(into, "ge", 0, found),
    ...makeDirectories(context, `${why}: create what is missing of ${path}`, root, directory, into),
    create,
    label(found),
  ];
}

/** Moves a detached mount onto an open target: by descriptors, so that no path is looked up again. */
export const moveOnto = (
  why: string,
  mount: Slot,
  target: Slot,
  special: Pick<Call, "errors" | "hints" | "subject"> = {},
): Step =>
  call(
    why,
    "move_mount",
    [mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH],
    special,
  );
