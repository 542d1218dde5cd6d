/** Making the directories of cgroups. */
import { AT_FDCWD } from "../linux/fcntl.ts";
import { call, set, slot } from "../plan/build.ts";
import type { Slot, Step } from "../plan/step.ts";

/** A directory that a plan makes and removes. */
export interface Directory {
  readonly path: string;
  /** 1 once this run has made it: only then is it removed. */
  readonly made: Slot;
}

const MODE = 0o755;

const HINTS = {
  EACCES: "this user may not make cgroups here; on cgroup v2 try: systemd-run --user --scope hutch …",
  EPERM: "this user may not make cgroups here",
  EROFS: "the cgroup file system is mounted read-only",
  ENOENT: "the cgroup above it does not exist any more",
  EAGAIN: "cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached",
} as const;

/** `key` is unique within the plan. */
export const directory = (key: string, path: string): Directory => ({
  path,
  made: slot(`cgroup ${key} made`),
});

/** Makes what is missing above a cgroup. */
export const makeAncestor = (path: string): Step =>
  call(`make the cgroup ${path}`, "mkdirat", [AT_FDCWD, path, MODE], {
    errors: { EEXIST: "ignore" },
    hints: HINTS,
  });

/**
 * Makes the cgroup itself, which must be new: the limits and processes of another would be mixed with ours.
 */
export const makeDirectory = ({ path, made }: Directory): Step[] => [
  call(`make the cgroup ${path}`, "mkdirat", [AT_FDCWD, path, MODE], {
    hints: {
      ...HINTS,
      EEXIST:
        "a container of this name may be running; if not, one that was killed has left the directory: rmdir it",
    },
  }),
  set(made, 1),
];
