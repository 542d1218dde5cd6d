/**
 * The hierarchies of version 1 that a file finds when it is started: a table in memory, which the launcher
 * fills (cgroup/found-hierarchy.ts), and init, whose memory is a copy, reads.
 */
import { branch, buffer, compute, jump, label, load, set, slot, store } from "./build.ts";
import type { Slot, Step } from "./step.ts";

/** Where distributions mount them. */
export const CGROUP_MOUNT = "/sys/fs/cgroup";

/** The kernel has 14 controllers; hierarchies with a name alone come on top. */
export const MOST_HIERARCHIES = 32;
const ENTRY = 48;
const TABLE = buffer("cgroup hierarchies", MOST_HIERARCHIES * ENTRY);

/** The entry that is being worked at, and the first that is free. */
const AT = slot("cgroup hierarchy");
const END = slot("cgroup hierarchies end");

/** How a hierarchy is mounted anew. */
export const KIND = { controllers: 0, named: 1, version2: 2 } as const;

/** The fields of an entry in the slots that the steps work with. */
export interface Hierarchies {
  /** The address of its directory's name below CGROUP_MOUNT: "memory", "cpu,cpuacct", "systemd". */
  readonly name: Slot;
  readonly kind: Slot;
  /** The address of the path of what the container is shown, below the hierarchy's root; may be empty. */
  readonly path: Slot;
  /** Not 0 when this program has made, or taken, the container's cgroup in it. */
  readonly made: Slot;
  /** The directory above that cgroup. */
  readonly above: Slot;
  /** The open file that moves a thread into it; 0 when there is none, or it is entered otherwise. */
  readonly tasks: Slot;
}

export const HIERARCHY: Hierarchies = {
  name: slot("cgroup hierarchy's name"),
  kind: slot("cgroup hierarchy's kind"),
  path: slot("cgroup hierarchy's path"),
  made: slot("cgroup in each hierarchy made"),
  above: slot("cgroup in each hierarchy above"),
  tasks: slot("cgroup in each hierarchy tasks"),
};

type Name = keyof Hierarchies;
const OFFSETS: Readonly<Record<Name, number>> = {
  name: 0,
  kind: 8,
  path: 16,
  made: 24,
  above: 32,
  tasks: 40,
};
const NAMES: readonly Name[] = ["name", "kind", "path", "made", "above", "tasks"];

/** Begins an empty table. */
export const beginHierarchies = (): Step[] => [set(AT, TABLE), set(END, AT)];

/** Goes on at `full` when no entry is free. */
export const unlessFull = (full: string): Step[] => {
  const left = slot("cgroup hierarchies left");
  return [
    set(left, TABLE),
    compute(left, END, "sub", left),
    branch(left, "ge", MOST_HIERARCHIES * ENTRY, full),
  ];
};

/** Adds what is in the slots. */
export const addHierarchy = (): Step[] => [
  ...NAMES.map((name) => store(END, OFFSETS[name], 8, HIERARCHY[name])),
  compute(END, END, "add", ENTRY),
  // It is in the table now.
  set(HIERARCHY.made, 0),
];

const first = (): Step => set(AT, TABLE);

/** Takes the next entry: these fields of it are in their slots then; goes on at `done` after the last. */
const next = (fields: readonly Name[], done: string): Step[] => [
  branch(AT, "ge", END, done),
  ...fields.map((name) => load(HIERARCHY[name], AT, OFFSETS[name], 8)),
  compute(AT, AT, "add", ENTRY),
];

/** `body` for each entry, with these fields in their slots; `key` is unique within the plan. */
export const eachHierarchy = (key: string, fields: readonly Name[], body: readonly Step[]): Step[] => [
  first(),
  label(`${key}: next hierarchy`),
  ...next(fields, `${key}: last hierarchy`),
  ...body,
  jump(`${key}: next hierarchy`),
  label(`${key}: last hierarchy`),
];

/** The same, but at first for what is in the slots: an entry that was about to be added. */
export const eachAndCurrent = (key: string, fields: readonly Name[], body: readonly Step[]): Step[] => [
  first(),
  label(`${key}: next hierarchy`),
  ...body,
  ...next(fields, `${key}: last hierarchy`),
  jump(`${key}: next hierarchy`),
  label(`${key}: last hierarchy`),
];
