/**
 * The hierarchies of version 1 of a file that is started on any machine: it reads in /proc/self/cgroup which
 * there are (cgroups(7)). Root's container gets a cgroup in each, as under hutch run: else a mount of cgroups
 * would show it its caller's, which may be the whole tree of the host's.
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { CGROUP2_SUPER_MAGIC } from "../linux/magic.ts";
import { STATX_ATTR_MOUNT_ROOT, STATX_INO, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "../plan/build.ts";
import {
  addHierarchy,
  beginHierarchies,
  CGROUP_MOUNT,
  eachAndCurrent,
  eachHierarchy,
  HIERARCHY,
  KIND,
  unlessFull,
} from "../plan/hierarchy.ts";
import type { Slot, Step } from "../plan/step.ts";
import { CPUSET_SIZE, inherit, inheritAbove } from "./cpuset.ts";
import { type Directory, makeInAbove, subjectOf } from "./directory.ts";
import { placeCgroup } from "./path.ts";
import { removeAlso } from "./remove.ts";
import type { Setting } from "./setting.ts";

/** Longer than any list: a path has at most 4095 bytes, but a deep one is rare. */
const SIZE = 65_536;
/** Behind them, so that little memory is touched, is room for a list of processors. */
const LINES = buffer("cgroups of this process", SIZE + CPUSET_SIZE);
const LIST = slot("cpuset list at");
const STATUS = buffer("status of a hierarchy", STATX_SIZE_OF);
/** struct statfs, which begins with f_type on both architectures. */
const TYPE = buffer("statfs of a hierarchy", 120);
const [COLON, COMMA, NEWLINE] = [0x3a, 0x2c, 0x0a];

const { name: NAME, kind: KIND_OF, path: PATH, made: MADE, above: ABOVE, tasks: TASKS } = HIERARCHY;
const AT = slot("cgroups at");
const WORD = slot("cgroups word");
const FILE = slot("cgroup file");
const CGROUPS = slot("cgroups of the host");
const ROOT = slot("cgroup hierarchy's root");
const NUMBER = slot("number of a hierarchy");

const WHY = "look which hierarchies of cgroups there are";
const NEXT = "next hierarchy";

const little = (text: string): bigint =>
  new TextEncoder().encode(text).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);

const NAMED = "name=";
const SYSTEMD = "systemd\0";

/** Cuts the next line: NAME is its second field, PATH the third without its slash; the end is at `done`. */
const takeLine = (done: string): Step[] => {
  const byte = (): Step[] => [load(WORD, AT, 0, 1), compute(AT, AT, "add", 1)];
  const end = (): Step[] => [compute(WORD, AT, "sub", 1), store(WORD, 0, 1, 0)];
  return [
    load(WORD, AT, 0, 1),
    branch(WORD, "eq", 0, done),
    label("hierarchy number"),
    ...byte(),
    branch(WORD, "ne", COLON, "hierarchy number"),
    set(NAME, AT),
    label("hierarchy field"),
    ...byte(),
    branch(WORD, "ne", COLON, "hierarchy field"),
    ...end(),
    compute(PATH, AT, "add", 1),
    label("hierarchy path"),
    ...byte(),
    // A line that has no end did not fit.
    branch(WORD, "eq", 0, done),
    branch(WORD, "ne", NEWLINE, "hierarchy path"),
    ...end(),
  ];
};

/** Sets KIND_OF, and NAME to that of the directory below CGROUP_MOUNT. */
const chooseKind = (isMade: boolean): Step[] => [
  set(KIND_OF, KIND.version2),
  load(WORD, NAME, 0, 1),
  branch(WORD, "ne", 0, "hierarchy of version 1"),
  set(NAME, "unified"),
  jump("hierarchy's kind"),
  label("hierarchy of version 1"),
  set(KIND_OF, KIND.controllers),
  load(WORD, NAME, 0, 4),
  branch(WORD, "ne", little(NAMED.slice(0, 4)), "hierarchy's kind"),
  set(KIND_OF, KIND.named),
  compute(NAME, NAME, "add", NAMED.length),
  // Those by which others know what belongs together are theirs.
  ...(isMade ? [load(WORD, NAME, 0, 8), branch(WORD, "ne", little(SYSTEMD), NEXT)] : []),
  label("hierarchy's kind"),
];

/** Opens the hierarchy in ROOT, and looks at it; one that is not mounted where it should be is left out. */
const openRoot = (): Step[] => [
  call(WHY, "openat", [CGROUPS, NAME, O_PATH | O_CLOEXEC, 0], {
    into: ROOT,
    subject: NAME,
    errors: { ENOENT: { to: NEXT } },
  }),
  call(WHY, "statx", [ROOT, "", AT_EMPTY_PATH, STATX_INO, STATUS], { subject: NAME }),
  load(WORD, STATUS, STATX_OFFSETS.stx_attributes, 8),
  compute(WORD, WORD, "and", STATX_ATTR_MOUNT_ROOT),
  branch(WORD, "eq", 0, NEXT),
  load(NUMBER, STATUS, STATX_OFFSETS.stx_dev_minor, 4),
  // Init is born into it by its descriptor, which the kernel takes of version 2 alone: who hides version 2
  // mounts something else there.
  branch(KIND_OF, "ne", KIND.version2, "hierarchy is open"),
  call(WHY, "fstatfs", [ROOT, TYPE], { subject: NAME }),
  load(WORD, TYPE, 0, 8),
  branch(WORD, "ne", CGROUP2_SUPER_MAGIC, NEXT),
  label("hierarchy is open"),
];

/** What a file does in the hierarchies that it finds. */
export interface Elsewhere {
  /** The container's cgroups that are made already, where it does not have one in each. */
  readonly known: readonly Directory[];
  /** The path of these, below a hierarchy's root. */
  readonly path: string | Slot;
  /** In each; undefined where the caller's own cgroup is shown. */
  readonly each: Each | undefined;
  /** Not 0 on version 2. */
  readonly version2: Slot;
  /** Receives the directory of version 2 beside version 1, which init is born into, and a 1. */
  readonly into: Slot;
  readonly intoWhen: Slot;
  /** The container's process has a real-time policy, for which a new cgroup of `cpu` has no time. */
  readonly isRealtime: boolean;
}

/** The cgroup that is the same path in each hierarchy. */
export interface Each {
  readonly directory: Directory;
  /** Paths above it, below the hierarchy's root, from the top. */
  readonly ancestors: readonly string[];
  /** What is written to them afterwards. */
  readonly settings: readonly Setting[];
}

/** A cgroup in each hierarchy, where linux.cgroupsPath says, or right below the root. */
export function eachOf(
  cgroupsPath: string | undefined,
  given: Slot,
  settings: readonly Setting[] = [],
): Each {
  const { parent, name, ancestors } = placeCgroup({ mount: ".", relative: "." }, cgroupsPath);
  const leaf = name ?? given;
  return {
    directory: {
      text: name === undefined ? "in each hierarchy:" : `${parent.slice(1)}/${name} in each hierarchy`,
      parent,
      name: leaf,
      made: MADE,
      above: ABOVE,
      self: slot("cgroup in each hierarchy"),
      freezer: "found",
    },
    ancestors,
    settings,
  };
}

const CPUSET = little("cpus");

/** Makes the container's cgroup in the hierarchy, and opens what moves init into it. */
function makeEach({ directory, ancestors, settings }: Each, { into, intoWhen }: Elsewhere): Step[] {
  const { parent, self, text } = directory;
  const subject = { subject: NAME };
  const isCpuset = (steps: readonly Step[], key: string): Step[] => [
    load(WORD, NAME, 0, 4),
    branch(WORD, "ne", CPUSET, `no cpuset ${key}`),
    ...steps,
    label(`no cpuset ${key}`),
  ];
  return [
    ...ancestors.flatMap((path) => [
      call(`make the cgroup ${path} in`, "mkdirat", [ROOT, path, 0o755], {
        errors: { EEXIST: "ignore" },
        ...subject,
      }),
      ...isCpuset(inheritAbove(path, { above: ROOT, text: LIST }), path),
    ]),
    ...(parent === "."
      ? [set(ABOVE, ROOT)]
      : [
          call(`open the cgroup ${parent} in`, "openat", [ROOT, parent, O_PATH | O_CLOEXEC, 0], {
            into: ABOVE,
            ...subject,
          }),
          call(WHY, "close", [ROOT]),
        ]),
    ...makeInAbove(directory),
    ...isCpuset(inherit(directory, settings, { above: ABOVE, text: LIST }), "in each hierarchy"),
    call(`open the cgroup ${text}`, "openat", [self, "tasks", O_WRONLY | O_CLOEXEC, 0], {
      into: TASKS,
      ...subjectOf(directory),
      // Version 2 has no such file.
      errors: { ENOENT: { to: "hierarchy without tasks" } },
    }),
    call(WHY, "close", [self]),
    jump("hierarchy made"),
    label("hierarchy without tasks"),
    set(TASKS, 0),
    set(into, self),
    set(intoWhen, 1),
    label("hierarchy made"),
  ];
}

const DOTS = little("..");

/** Leaves PATH alone, unless it leads out of the cgroup namespace: then the hierarchy's root is shown. */
const keepInside = (): Step[] => [
  load(WORD, PATH, 0, 2),
  branch(WORD, "ne", DOTS, "caller's cgroup is inside"),
  set(PATH, ""),
  label("caller's cgroup is inside"),
];

const numberOf = (index: number): Slot => slot(`number of hierarchy ${index}`);

/** A realtime process may not be in a new cgroup of `cpu`, which the kernel names first, or after cpuset. */
const passCpu = (): Step[] => [
  load(WORD, NAME, 0, 4),
  branch(WORD, "eq", little("cpu\0"), NEXT),
  branch(WORD, "eq", little("cpu,"), NEXT),
  branch(WORD, "ne", CPUSET, "hierarchy without cpu"),
  load(WORD, NAME, "cpuset".length, 4),
  branch(WORD, "ne", little(",cpu"), "hierarchy without cpu"),
  load(WORD, NAME, "cpuset,cpu".length, 1),
  branch(WORD, "eq", 0, NEXT),
  branch(WORD, "eq", COMMA, NEXT),
  label("hierarchy without cpu"),
];

/**
 * Fills the table of hierarchies, and makes the container's cgroup in those that have none yet. On version 2
 * only PATH is found: that of the caller's cgroup.
 */
export function findHierarchies(elsewhere: Elsewhere): Step[] {
  const { known, path, each, version2, isRealtime } = elsewhere;
  const found = "hierarchies found";
  return [
    ...known.flatMap(({ above }, index) => [
      call(WHY, "statx", [above, "", AT_EMPTY_PATH, STATX_INO, STATUS]),
      load(numberOf(index), STATUS, STATX_OFFSETS.stx_dev_minor, 4),
    ]),
    call(WHY, "openat", [AT_FDCWD, CGROUP_MOUNT, O_PATH | O_CLOEXEC, 0], { into: CGROUPS }),
    call(WHY, "openat", [AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC, 0], { into: FILE }),
    call(WHY, "read", [FILE, LINES, SIZE - 1], { into: LIST }),
    call(WHY, "close", [FILE]),
    ...beginHierarchies(),
    set(AT, LINES),
    // A NUL ends the lines.
    compute(LIST, LIST, "add", 1),
    compute(LIST, LIST, "add", AT),
    label(NEXT),
    ...unlessFull(found),
    ...takeLine(found),
    ...(each === undefined ? keepInside() : []),
    ...chooseKind(each !== undefined),
    ...(each === undefined ? onVersion2(version2, found) : []),
    ...openRoot(),
    set(TASKS, 0),
    ...known.map((_, index) => branch(NUMBER, "eq", numberOf(index), "hierarchy of a limit")),
    ...(each === undefined
      ? [jump("hierarchy shown")]
      : [...(isRealtime ? passCpu() : []), ...makeEach(each, elsewhere)]),
    label("hierarchy of a limit"),
    set(PATH, path),
    label("hierarchy shown"),
    ...addHierarchy(),
    jump(NEXT),
    label(found),
  ];
}

/** There the line of version 2 says all, and the others are of hierarchies without controllers. */
const onVersion2 = (version2: Slot, found: string): Step[] => [
  branch(version2, "eq", 0, "hierarchies are mounted apart"),
  branch(KIND_OF, "eq", KIND.version2, found),
  jump(NEXT),
  label("hierarchies are mounted apart"),
];

/** Moves the caller into what was made. */
export const enterHierarchies = ({ directory }: Each): Step[] =>
  eachHierarchy(
    "enter",
    ["tasks"],
    [
      branch(TASKS, "eq", 0, "enter: next hierarchy"),
      call(`enter the cgroup ${directory.text}`, "write", [TASKS, "0", 1], subjectOf(directory)),
    ],
  );

/** Removes what was made, wherever this has come to. */
export const removeHierarchies = (directories: readonly Directory[], { directory }: Each): Step[] =>
  removeAlso(directories, directory, (remove) => eachAndCurrent("remove", ["made", "above"], remove));
