/** Making the directories of cgroups. */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, RESOLVE_BENEATH } from "../linux/fcntl.ts";
import { STATX_INO, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, jump, label, load, set, slot, strings } from "../plan/build.ts";
import { GIVEN_NAME } from "../plan/own-name.ts";
import type { Buffer, Call, Slot, Step } from "../plan/step.ts";
import { OPEN_HOW_SIZE, openHow } from "../plan/struct.ts";
import type { Place } from "./path.ts";
import { CONTAINERS_MODE, type Freezer, type Taken, takeCgroup } from "./take.ts";

/** A directory that a plan makes and removes. */
export interface Directory extends Taken {
  /** How messages name it; the name of hutch's choice follows as their subject. */
  readonly text: string;
  readonly parent: string;
  readonly name: string | Slot;
  /**
   * Systemd has made it already, always or perhaps, or this program has, in each hierarchy that it has found;
   * absent: it has to be new, or free to be taken.
   */
  readonly isThere?: "always" | "perhaps" | "found";
  /** Another that is the same where both controllers are mounted together; only the running program knows. */
  readonly sameAs?: Directory;
  /** Not 0 once this run has made or taken it: only then is it removed. */
  readonly made: Slot;
  /** The descriptors of the directory above and of this one. */
  readonly above: Slot;
  readonly self: Slot;
}

/** The first argument of the program: the name of the cgroup, unless linux.cgroupsPath says it. */
const NAME_ARGUMENT = 1;
/** The name in a program that is run by itself. */
const DEFAULT_NAME = "hutch-program";

const MODE = 0o755;

const HINTS = {
  EACCES: "this user may not make cgroups here; on cgroup v2 start it by systemd-run --user --scope",
  EPERM: "this user may not make cgroups here",
  EROFS: "the cgroup file system is mounted read-only",
  ENOENT: "the cgroup above it does not exist any more",
  EAGAIN: "cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached",
} as const;

/** The root of a hierarchy of version 1. */
const HIERARCHY = /^\/sys\/fs\/cgroup\/[^/]+$/;

/** `key` is unique within the plan. */
export const directory = (key: string, { parent, name }: Place, freezer?: Freezer): Directory => ({
  text: name === undefined ? `in ${parent}:` : `${parent}/${name}`,
  parent,
  name: name ?? GIVEN_NAME,
  made: slot(`cgroup ${key} made`),
  above: slot(`cgroup ${key} above`),
  self: slot(`cgroup ${key}`),
  freezer,
});

/** What a call adds to its message: the name of the directory, where only the running program knows it. */
export const subjectOf = ({ name }: Directory): Pick<Call, "subject"> =>
  typeof name === "string" ? {} : { subject: name };

/** Takes the name of hutch's choice, if any of the directories has it. */
export function takeName(directories: readonly Directory[]): Step[] {
  if (!directories.some(({ name }) => name === GIVEN_NAME)) return [];
  return [
    { kind: "given", into: GIVEN_NAME, what: NAME_ARGUMENT },
    branch(GIVEN_NAME, "ne", 0, "cgroup name taken"),
    { kind: "next", into: GIVEN_NAME, from: strings([DEFAULT_NAME]), done: "cgroup name taken" },
    label("cgroup name taken"),
  ];
}

/** Makes what is missing above a cgroup. */
export const makeAncestor = (path: string): Step =>
  call(`make the cgroup ${path}`, "mkdirat", [AT_FDCWD, path, MODE], {
    errors: { EEXIST: "ignore" },
    hints: HINTS,
  });

const STATUS = buffer("status of a hierarchy", STATX_SIZE_OF);

/** Goes on at a label when a directory above is that of the other, whose cgroup is made then. */
function passIfSame({ parent, above, made }: Directory, other: Directory, same: string): Step[] {
  const why = `look whether ${parent} and ${other.parent} are mounted together`;
  const [one, two] = [slot("number of a hierarchy"), slot("number of another hierarchy")];
  const numberOf = (directory: Slot, into: Slot): Step[] => [
    call(why, "statx", [directory, "", AT_EMPTY_PATH, STATX_INO, STATUS]),
    // Each hierarchy is a file system of its own.
    load(into, STATUS, STATX_OFFSETS.stx_dev_minor, 4),
  ];
  const apart = `${made.name}: mounted apart`;
  return [
    ...numberOf(other.above, one),
    ...numberOf(above, two),
    branch(one, "ne", two, apart),
    set(made, other.made),
    jump(same),
    label(apart),
  ];
}

/**
 * Makes the cgroup itself. One of hutch's choice must be new, unless systemd has made it for this container;
 * one that linux.cgroupsPath names may be there, if nobody uses it.
 */
export function makeDirectory(directory: Directory, path: string | Buffer = directory.parent): Step[] {
  const { parent, sameAs, made, above } = directory;
  const opened = `${made.name}: open it`;
  return [
    call(`open the cgroup ${parent}`, "openat", [AT_FDCWD, path, O_PATH | O_CLOEXEC, 0], {
      into: above,
      hints: HIERARCHY.test(parent) ? { ...HINTS, ENOENT: "this hierarchy is not mounted here" } : HINTS,
    }),
    ...(sameAs === undefined ? [] : passIfSame(directory, sameAs, opened)),
    ...makeInAbove(directory, sameAs === undefined ? [] : [label(opened)]),
  ];
}

/** The same below a directory that is open in `above`; `opened` stands before the cgroup is opened. */
export function makeInAbove(directory: Directory, opened: readonly Step[] = []): Step[] {
  const { text, name, isThere, made, above, self } = directory;
  const subject = subjectOf(directory);
  const there = `${made.name}: it is there`;
  const isNamed = typeof name === "string";
  const how = openHow(O_RDONLY | O_CLOEXEC, 0, RESOLVE_BENEATH);
  return [
    ...(isThere === "always" || isThere === "found"
      ? []
      : [
          call(`make the cgroup ${text}`, "mkdirat", [above, name, CONTAINERS_MODE], {
            ...subject,
            ...(isThere === "perhaps" || isNamed ? { errors: { EEXIST: { to: there } } } : {}),
            hints: {
              ...HINTS,
              EEXIST:
                "a container of this name may be running; if not, one that was killed has left the directory: rmdir it",
            },
          }),
          set(made, 1),
          ...(isThere === "perhaps" || isNamed ? [label(there)] : []),
        ]),
    ...opened,
    // Whoever starts a program by hand may give any name; one that leads elsewhere is undone here.
    call(`open the cgroup ${text}`, "openat2", [above, name, how, OPEN_HOW_SIZE], {
      into: self,
      ...subject,
      hints: {
        EXDEV: "the name leads out of the cgroup above it",
        ENOENT:
          isThere === "found"
            ? "the hierarchy is not mounted by the names of all its controllers, as cpu,cpuacct, or not at all"
            : "systemd has made its unit in another place, or has removed it already",
      },
    }),
    ...(isThere === undefined && isNamed
      ? [
          branch(made, "ne", 0, `${made.name}: it is new`),
          ...takeCgroup(directory),
          label(`${made.name}: it is new`),
        ]
      : []),
  ];
}
