/**
 * The id maps of an ordinary user's namespace by newuidmap(1) and newgidmap(1): the kernel lets such a user
 * map its own id alone; these two have the privilege, and keep to /etc/subuid and /etc/subgid.
 */
import { HutchError } from "../linux/error.ts";
import { SIG_SETMASK } from "../linux/signal.ts";
import { __WALL } from "../linux/wait.ts";
import type { IdMapping } from "../spec/spec.ts";
import { branch, buffer, call, guard, label, load, slot, strings, struct } from "./build.ts";
import type { Context } from "./context.ts";
import { closeAtExec } from "./exec.ts";
import type { Buffer, Step, Struct } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs, SIGSET_SIZE, signalSet } from "./struct.ts";

/** The two programs, of Debian's package uidmap (shadow-utils elsewhere). */
const HELPERS = {
  uid: { path: "/usr/bin/newuidmap", ranges: "/etc/subuid" },
  gid: { path: "/usr/bin/newgidmap", ranges: "/etc/subgid" },
} as const;

type Kind = keyof typeof HELPERS;

/** Refuses maps that take a program which this machine lacks. */
function requireHelper({ host, launch }: Context, kind: Kind): void {
  const { path, ranges } = HELPERS[kind];
  // A file may be started on another machine, and by root.
  if (launch.standalone !== undefined || host.kind(path) === "file") return;
  throw new HutchError({
    operation: kind === "uid" ? "map the user ids" : "map the group ids",
    reason: `an ordinary user may map one id, its own; more takes ${path}, which is not there`,
    hint: `install the package uidmap, and give the user a range in ${ranges}`,
  });
}

/** `newuidmap PID INSIDE OUTSIDE COUNT …`; the pid is known only when the program runs. */
const argumentsOf = (path: string, pid: Buffer, mappings: readonly IdMapping[]): Struct =>
  struct("argv", [
    ["program", 8, path],
    ["pid", 8, pid],
    ...mappings.flatMap(
      ({ containerID, hostID, size }) =>
        [
          ["inside", 8, String(containerID)],
          ["outside", 8, String(hostID)],
          ["count", 8, String(size)],
        ] as const,
    ),
    ["end", 8, 0],
  ]);

/**
 * Runs one of the two for the process whose number `pid` holds as text; its own message goes to standard
 * error.
 */
export function runHelper(
  context: Context,
  kind: Kind,
  pid: Buffer,
  mappings: readonly IdMapping[],
  undo: string,
): Step[] {
  requireHelper(context, kind);
  const { path, ranges } = HELPERS[kind];
  const why = `map the ${kind === "uid" ? "user" : "group"} ids by ${path}`;
  const child = slot("map helper");
  const status = slot("map helper status");
  const buffered = buffer("map helper status", 8);
  return [
    // Without a signal at its end: SIGCHLD is the container's.
    call(why, "clone3", [cloneArgs({ flags: 0, exitSignal: 0 }), CLONE_ARGS_SIZE], { into: child }),
    branch(child, "ne", 0, `${kind} map helper runs`),
    guard(),
    call(why, "rt_sigprocmask", [SIG_SETMASK, signalSet(0n), 0, SIGSET_SIZE]),
    closeAtExec(0),
    call(why, "execve", [path, argumentsOf(path, pid, mappings), strings([])], {
      hints: { ENOENT: `install the package uidmap, and give the user a range in ${ranges}` },
    }),
    label(`${kind} map helper runs`),
    guard(undo),
    call(why, "wait4", [child, buffered, __WALL, 0], { errors: { EINTR: "retry" } }),
    load(status, buffered, 0, 4),
    branch(status, "eq", 0, `${kind} map is written`),
    {
      kind: "fail",
      message: `${why}: it refused; hint: the ids must lie in the user's range in ${ranges}`,
    },
    label(`${kind} map is written`),
  ];
}
