/**
 * Taking a cgroup that is there already. Only one that nobody uses: what the container did to it, and what is
 * done at the container's end, would be done to others.
 */
import { AT_EMPTY_PATH, LOCK_EX, LOCK_NB, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { S_ISVTX, STATX_MODE, STATX_NLINK, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, label, load, set, slot } from "../plan/build.ts";
import type { Slot, Step } from "../plan/step.ts";

/**
 * The mode of the cgroups of containers. The sticky bit means nothing to the kernel here: it says that the
 * cgroup is a container's, also of one that has ended and is not deleted yet, of whichever --root.
 */
export const CONTAINERS_MODE = S_ISVTX | 0o755;

/** In the slot that says that a cgroup is this run's: it was there before. */
export const TAKEN = 2;

const STATUS = buffer("status of a cgroup", STATX_SIZE_OF);
const BYTE = buffer("byte of a cgroup", 8);
const VALUE = slot("cgroup value");
const FILE = slot("cgroup file");

/** Links of a directory that has no directories in it (kernfs counts each). */
const NO_CHILDREN = 2;

/** The file that freezes a cgroup, and how its text begins while nothing is frozen. */
export type Freezer = readonly [file: string, thawed: string];

const V1: Freezer = ["freezer.state", "T"];
const V2: Freezer = ["cgroup.freeze", "0"];

/** Of a hierarchy by its controllers, and of version 2; the other hierarchies freeze nobody. */
export const freezerOf = (controllers: readonly string[] | "v2"): Freezer | undefined =>
  controllers === "v2" ? V2 : controllers.includes("freezer") ? V1 : undefined;

function refuseFrozen(text: string, self: Slot, [file, thawed]: Freezer, mayLack: boolean): Step[] {
  const why = `read ${file} of the cgroup ${text}`;
  const done = `cgroup ${text} ${file}`;
  return [
    call(why, "openat", [self, file, O_RDONLY | O_CLOEXEC, 0], {
      into: FILE,
      ...(mayLack ? { errors: { ENOENT: { to: done } } } : {}),
    }),
    call(why, "read", [FILE, BYTE, 1]),
    call(why, "close", [FILE]),
    load(VALUE, BYTE, 0, 1),
    branch(VALUE, "eq", thawed.charCodeAt(0), done),
    { kind: "fail", message: `take the cgroup ${text}: it is frozen` },
    label(done),
  ];
}

/** What is known of it. */
export interface Taken {
  readonly text: string;
  readonly self: Slot;
  readonly made: Slot;
  /** How it is frozen, if it can be; "found" where only the running program knows. */
  readonly freezer: Freezer | "found" | undefined;
}

/**
 * Makes the cgroup that is open as `self` this container's, as one that was made for it, with what was
 * written to it before; fails for one that has processes, cgroups below it, or another container, and for a
 * frozen one.
 */
export function takeCgroup({ text, self, made, freezer }: Taken): Step[] {
  const why = `take the cgroup ${text}`;
  const [isOwned, isTaken] = [`cgroup ${text} is a container's`, `cgroup ${text} is taken`];
  const refuseUnless = (is: "eq" | "le", value: number, reason: string): Step[] => [
    branch(VALUE, is, value, `cgroup ${text}: not ${reason}`),
    { kind: "fail", message: `${why}: ${reason}` },
    label(`cgroup ${text}: not ${reason}`),
  ];
  return [
    // Of many who find it free one takes it: the lock is the launcher's until it ends; init is in it then.
    call(why, "flock", [self, LOCK_EX | LOCK_NB], {
      hints: { EAGAIN: "another container is being made in it" },
    }),
    call(why, "statx", [self, "", AT_EMPTY_PATH, STATX_MODE | STATX_NLINK, STATUS]),
    load(VALUE, STATUS, STATX_OFFSETS.stx_mode + 1, 1),
    branch(VALUE, "any", S_ISVTX >> 8, isOwned),
    load(VALUE, STATUS, STATX_OFFSETS.stx_nlink, 4),
    ...refuseUnless("le", NO_CHILDREN, "it has cgroups below it"),
    call(why, "openat", [self, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0], { into: FILE }),
    call(why, "read", [FILE, BYTE, 1], { into: VALUE }),
    call(why, "close", [FILE]),
    ...refuseUnless("eq", 0, "it has processes"),
    ...(freezer === "found"
      ? [V1, V2].flatMap((each) => refuseFrozen(text, self, each, true))
      : freezer === undefined
        ? []
        : refuseFrozen(text, self, freezer, false)),
    call(why, "fchmod", [self, CONTAINERS_MODE], { hints: { EPERM: "it belongs to another user" } }),
    set(made, TAKEN),
    branch(made, "eq", TAKEN, isTaken),
    label(isOwned),
    {
      kind: "fail",
      message: `${why}: a container has it, which may be running; if not, one that was killed has left it: rmdir it`,
    },
    label(isTaken),
  ];
}
