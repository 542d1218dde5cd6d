/**
 * Processors and memory nodes of new cpuset cgroups of version 1. They have none at first, and take no
 * process then (admin-guide/cgroup-v1/cpusets, "What happens when..."): what the cgroup above has is handed
 * down. Version 2 does so by itself.
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { branch, buffer, call, label, slot } from "../plan/build.ts";
import type { Buffer, Slot, Step } from "../plan/step.ts";
import { type Directory, subjectOf } from "./directory.ts";
import type { Setting } from "./setting.ts";
import { TAKEN } from "./take.ts";

const FILES = ["cpuset.cpus", "cpuset.mems"] as const;

/** A list of every second of 8,192 processors is shorter. */
export const CPUSET_SIZE = 32_768;
/** An empty list is a newline. */
const EMPTY = 1;

const TEXT = buffer("cpuset list", CPUSET_SIZE);
const FILE = slot("cgroup file");
const LENGTH = slot("cpuset list length");

const HINTS = {
  ENOENT: "cpuset is mounted with noprefix, as Android has it",
  EINVAL: "a cgroup beside this one has these processors or nodes for itself (cpuset.cpu_exclusive)",
} as const;

/** A file by its path, or by its name in a directory that is open; and where its list is put. */
type Where = readonly [directory: Slot | number, path: string, text?: Buffer | Slot | undefined];

/** Where only the running program knows where the cgroup lies: the directory above, and memory for a list. */
export interface Found {
  readonly above: Slot;
  readonly text: Slot;
}

const read = (why: string, [directory, path, text = TEXT]: Where, special = {}): Step[] => [
  call(why, "openat", [directory, path, O_RDONLY | O_CLOEXEC, 0], { into: FILE, hints: HINTS, ...special }),
  call(why, "read", [FILE, text, CPUSET_SIZE], { into: LENGTH, ...special }),
  call(why, "close", [FILE]),
];

const write = (why: string, [directory, path, text = TEXT]: Where, special = {}): Step[] => [
  call(why, "openat", [directory, path, O_WRONLY | O_CLOEXEC, 0], { into: FILE, hints: HINTS, ...special }),
  call(why, "write", [FILE, text, LENGTH], { hints: HINTS, ...special }),
  call(why, "close", [FILE]),
];

const whyOf = (file: string, text: string): string => `hand ${file} down to the cgroup ${text}`;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/**
 * For a directory above the container's, which may be there and have what others have given it; by its path,
 * or, `found`, by one that begins with "./", below the hierarchy's root.
 */
export const inheritAbove = (path: string, found?: Found): Step[] =>
  FILES.flatMap((file) => {
    const why = whyOf(file, path);
    const done = `cgroup ${path} ${file}`;
    const at = (directory: string): Where => [found?.above ?? AT_FDCWD, `${directory}/${file}`, found?.text];
    return [
      ...read(why, at(path)),
      branch(LENGTH, "gt", EMPTY, done),
      ...read(why, at(parentOf(path))),
      ...write(why, at(path)),
      label(done),
    ];
  });

/**
 * For the container's own, which is new, or keeps what it has. What its settings say is left to them: to be
 * given all first, and less then, may be refused where processors are exclusive.
 */
export const inherit = (directory: Directory, settings: readonly Setting[], found?: Found): Step[] =>
  FILES.filter((file) => !settings.some((setting) => setting.file === file)).flatMap((file) => {
    const why = whyOf(file, directory.text);
    const special = subjectOf(directory);
    const [isNew, done] = [`cgroup ${directory.text} ${file} new`, `cgroup ${directory.text} ${file}`];
    const above: Where =
      found === undefined ? [AT_FDCWD, `${directory.parent}/${file}`] : [found.above, file, found.text];
    const mayBeThere = typeof directory.name === "string";
    return [
      ...(mayBeThere
        ? [
            branch(directory.made, "ne", TAKEN, isNew),
            ...read(why, [directory.self, file, found?.text]),
            branch(LENGTH, "gt", EMPTY, done),
            label(isNew),
          ]
        : []),
      ...read(why, above, special),
      ...write(why, [directory.self, file, found?.text], special),
      ...(mayBeThere ? [label(done)] : []),
    ];
  });
