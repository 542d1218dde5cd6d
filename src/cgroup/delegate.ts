/**
 * Handing controllers of version 2 down, from the root to the directory above a cgroup
 * (admin-guide/cgroup-v2, "Controlling Controllers", "Delegation").
 */
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { call, label, slot } from "../plan/build.ts";
import type { Call, Outcome, Step } from "../plan/step.ts";

/** What is asked of the machine before anything is done. */
export interface Looks {
  /** The text of a file; undefined when it is not there. */
  readonly text: (path: string) => string | undefined;
  /** True when the caller may write to a file. */
  readonly isWritable: (path: string) => boolean;
}

const FILE = slot("cgroup file");

/** The words of cgroup.controllers; undefined when the cgroup is not there. */
const listed = ({ text }: Looks, directory: string): readonly string[] | undefined =>
  text(`${directory}/cgroup.controllers`)
    ?.split(/\s+/)
    .filter((word) => word !== "");

/** The controllers that systemd knows how to delegate: for where it is not known what there is. */
export const USUAL: readonly string[] = ["cpu", "cpuset", "io", "memory", "pids"];

/** The controllers of a cgroup. */
export const controllersIn = (looks: Looks, directory: string): readonly string[] =>
  listed(looks, directory) ?? USUAL;

/**
 * The unit of systemd that delegates to a cgroup: the user's own manager, or the innermost of the path that
 * has a suffix of one.
 */
function unitOf(path: string): string | undefined {
  const names = path.split("/");
  return (
    names.find((name) => name.startsWith("user@")) ??
    names.findLast((name) => /\.(service|scope|slice)$/.test(name))
  );
}

/** How the user at `path` (below the mount) gets controllers. */
function remedy(path: string, controllers: readonly string[]): string {
  const unit = unitOf(path);
  const words = controllers.join(" ");
  if (unit === undefined) return `as root: hand ${words} down to ${path}, and give the user its directory`;
  return unit.startsWith("user@")
    ? `systemctl edit user@.service, with [Service] Delegate=${words}, and log in again`
    : `systemctl edit ${unit}, with Delegate=${words}; or systemd-run --user --scope -p Delegate=yes hutch …`;
}

const ROOT_HINT =
  "the kernel lacks it, cgroup v1 uses it (boot with cgroup_no_v1=all), or hutch is in a container that was not given it";

/**
 * Throws HutchError for a controller that cannot reach the last directory of `line`, which begins with the
 * mount point: said before anything is done, because the kernel says ENOENT.
 */
export function refuseUndelegated(
  controllers: readonly string[],
  line: readonly string[],
  looks: Looks,
): void {
  const [mount = ""] = line;
  const refuse = (controller: string, directory: string, reason: string, hint: string): HutchError =>
    new HutchError({
      operation: `limit ${controller}`,
      reason: `${reason}: ${controller} is not in ${directory}/cgroup.controllers`,
      hint,
    });
  for (const [index, directory] of line.entries()) {
    const there = listed(looks, directory);
    if (there === undefined) return;
    const lacking = controllers.filter((controller) => !there.includes(controller));
    const [first] = lacking;
    if (first === undefined) continue;
    if (index === 0)
      throw refuse(first, directory, "the machine has no such controller of cgroup v2", ROOT_HINT);
    // Who may write to the file above hands them down himself.
    if (looks.isWritable(`${line[index - 1]}/cgroup.subtree_control`)) return;
    const path = directory.slice(mount.length);
    throw refuse(first, directory, `${lacking.join(", ")} not delegated to ${path}`, remedy(path, lacking));
  }
}

const hintsOf = (controller: string, parent: string): Call["hints"] => ({
  ENOENT: `${controller} is not in ${parent}/cgroup.controllers: it was not delegated to this cgroup`,
  EBUSY: `${parent} has processes of its own: move them into a cgroup below, or give a linux.cgroupsPath in another one`,
  EACCES: remedy(parent, [controller]),
  EROFS: "the cgroup file system is mounted read-only",
  EOPNOTSUPP: `${parent} is a threaded cgroup`,
});

/** Lets a directory hand a controller down; where that is so already, nothing happens. */
export function enable(controller: string, parent: string, isLast: boolean): Step[] {
  const path = `${parent}/cgroup.subtree_control`;
  const why = `hand ${controller} down: write +${controller} to ${path}`;
  const special: Pick<Call, "hints"> = { hints: hintsOf(controller, parent) ?? {} };
  const text = `+${controller}`;
  const done = `cgroup ${controller} in ${parent}`;
  // What lies above what was delegated to a user is not theirs, and has been enabled by whoever delegated it.
  const errors: Call["errors"] = isLast ? {} : { EACCES: { to: done }, EPERM: { to: done } };
  return [
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: FILE, errors, ...special }),
    call(why, "write", [FILE, text, text.length], special),
    call(`close ${path}`, "close", [FILE]),
    ...(isLast ? [] : [label(done)]),
  ];
}

/** Everything that handing down can fail with, for what can be done without. */
const REFUSED = ["ENOENT", "EBUSY", "EACCES", "EPERM", "EROFS", "EOPNOTSUPP", "EINVAL"] as const;

const outcomes = (outcome: Outcome): NonNullable<Call["errors"]> =>
  Object.fromEntries(REFUSED.map((name) => [name, outcome]));

/**
 * Lets a directory hand down what nothing depends on now: so it is counted, and can be limited later. One
 * by one, because the kernel takes all of a line or nothing.
 */
export function enableSpare(controllers: readonly string[], parent: string): Step[] {
  if (controllers.length === 0) return [];
  const path = `${parent}/cgroup.subtree_control`;
  const none = `cgroup spare in ${parent}`;
  const why = `hand down what there is: write to ${path}`;
  return [
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], {
      into: FILE,
      errors: outcomes({ to: none }),
    }),
    ...controllers.map((controller) => {
      const text = `+${controller}`;
      return call(
        `hand ${controller} down, if it is there: write ${text} to ${path}`,
        "write",
        [FILE, text, text.length],
        {
          errors: outcomes("ignore"),
        },
      );
    }),
    call(`close ${path}`, "close", [FILE]),
    label(none),
  ];
}
