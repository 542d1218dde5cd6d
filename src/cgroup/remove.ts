/**
 * Removing cgroups when the container has ended. A container without a pid namespace leaves processes
 * behind, and one that may write to its cgroups leaves cgroups: both go. Nothing here fails: what cannot be
 * removed is told, and stays.
 */
import { AT_REMOVEDIR, O_CLOEXEC, O_RDONLY, O_WRONLY, RESOLVE_NO_XDEV, SEEK_SET } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { branch, buffer, call, compute, guard, jump, label, load, set, slot } from "../plan/build.ts";
import type { Step } from "../plan/step.ts";
import { OPEN_HOW_SIZE, openHow, timespec } from "../plan/struct.ts";
import { type Directory, subjectOf } from "./directory.ts";

/** Between two attempts; the attempts that remove nothing take about two seconds together. */
const PAUSE_NS = 5_000_000;
const ATTEMPTS = 400;
/**
 * So many of the container's cgroups are removed without a pause: who can make them forever is not waited
 * for.
 */
const MOST_REMOVED = 65_536;

const attempt = slot("cgroup attempt");
/** How many of the container's cgroups were removed, in all and up to the last attempt. */
const removed = slot("cgroups removed");
const removedBefore = slot("cgroups removed before");
/** Which directory the shared part is working for. */
const turn = slot("cgroup turn");
const current = slot("cgroup current");

const EMPTY = "cgroup empty";
const PAUSE = "cgroup pause";
const GO_ON = "cgroup go on";
const GIVE_UP = "cgroup give up";
const REMOVED = "cgroup removed";

const again = (index: number): string => `cgroup ${index} again`;

function removeOne(directory: Directory, index: number): Step[] {
  const { text, name, made, above } = directory;
  const subject = subjectOf(directory);
  const end = `cgroup ${index} end`;
  const busy = `cgroup ${index} busy`;
  const why = `remove the cgroup ${text}`;
  return [
    guard(end),
    branch(made, "eq", 0, end),
    label(again(index)),
    call(why, "unlinkat", [above, name, AT_REMOVEDIR], {
      ...subject,
      errors: { ENOENT: { to: end }, EBUSY: { to: busy } },
    }),
    jump(end),
    label(busy),
    compute(attempt, attempt, "add", 1),
    branch(attempt, "gt", ATTEMPTS, `cgroup ${index} stays`),
    call(why, "openat", [above, name, O_RDONLY | O_CLOEXEC, 0], {
      ...subject,
      into: current,
      errors: { ENOENT: { to: end } },
    }),
    set(turn, index),
    jump(EMPTY),
    label(`cgroup ${index} stays`),
    // Once more, because a failed call can tell a name that only the running program knows.
    call(why, "unlinkat", [above, name, AT_REMOVEDIR], {
      ...subject,
      errors: { ENOENT: "ignore" },
      hints: { EBUSY: "it still has processes or cgroups: rmdir it when they are gone" },
    }),
    label(end),
  ];
}

/** Version 2 since 5.14: ends the whole tree at once, also what forks faster than it can be read. */
function killTree(): Step[] {
  const file = slot("cgroup file");
  const none = "cgroup kill none";
  return [
    call("end what is left in the cgroup", "openat", [current, "cgroup.kill", O_WRONLY | O_CLOEXEC, 0], {
      into: file,
      errors: { ENOENT: { to: none } },
    }),
    call("end what is left in the cgroup", "write", [file, "1", 1], { errors: { EOPNOTSUPP: "ignore" } }),
    call("end what is left in the cgroup", "close", [file]),
    label(none),
  ];
}

/** Reads cgroup.procs byte by byte, and kills every process that it names. */
function killEach(): Step[] {
  const file = slot("cgroup file");
  const count = slot("cgroup count");
  const pid = slot("cgroup pid");
  const byte = slot("cgroup byte");
  const eight = slot("cgroup pid times 8");
  const text = buffer("cgroup byte", 8);
  const why = "end what is left in the cgroup";
  const next = "cgroup procs next";
  const line = "cgroup procs line";
  const skip = "cgroup procs skip";
  const close = "cgroup procs close";
  return [
    call(why, "openat", [current, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0], {
      into: file,
      errors: { ENOENT: { to: "cgroup procs end" } },
    }),
    set(pid, 0),
    label(next),
    // ENODEV: removed meanwhile; EOPNOTSUPP: a threaded cgroup, whose processes are listed above it.
    call(why, "read", [file, text, 1], {
      into: count,
      errors: { ENODEV: { to: close }, EOPNOTSUPP: { to: close } },
    }),
    branch(count, "eq", 0, close),
    load(byte, text, 0, 1),
    branch(byte, "eq", 0x0a, line),
    // × 10 = × 8 + × 2.
    compute(eight, pid, "shl", 3),
    compute(pid, pid, "shl", 1),
    compute(pid, pid, "add", eight),
    compute(pid, pid, "add", byte),
    compute(pid, pid, "sub", 0x30),
    jump(next),
    label(line),
    // 0 stands for a process of another pid namespace, but for kill(2) it is the caller's group.
    branch(pid, "le", 1, skip),
    call(why, "kill", [pid, SIGNALS.SIGKILL], { errors: { ESRCH: "ignore", EPERM: "ignore" } }),
    label(skip),
    set(pid, 0),
    jump(next),
    label(close),
    call(why, "close", [file]),
    label("cgroup procs end"),
  ];
}

const DT_DIR = 4;
/** Offsets in struct linux_dirent64, and room for one with the longest name. */
const DIRENT64 = { d_off: 8, d_type: 18, d_name: 19 } as const;
const DIRENT64_MAX = 280;

/** Removes the empty cgroups below `current`; where one is not empty, goes on in it. */
function removeBelow(): Step[] {
  const entry = buffer("cgroup entry", DIRENT64_MAX);
  const name = slot("cgroup name");
  const value = slot("cgroup value");
  const below = slot("cgroup below");
  const why = "remove a cgroup that the container made";
  const next = "cgroup entry next";
  const isCgroup = "cgroup entry found";
  return [
    label(next),
    call(why, "getdents64", [current, entry, DIRENT64_MAX], { into: value, errors: { ENOENT: "ignore" } }),
    branch(value, "le", 0, "cgroup entry last"),
    // Only the first entry is looked at, because a field can be read at a fixed place only: the next read
    // starts behind it.
    load(value, entry, DIRENT64.d_off, 8),
    call(why, "lseek", [current, value, SEEK_SET]),
    load(value, entry, DIRENT64.d_type, 1),
    branch(value, "ne", DT_DIR, next),
    load(value, entry, DIRENT64.d_name, 2),
    branch(value, "eq", 0x002e, next),
    branch(value, "ne", 0x2e2e, isCgroup),
    load(value, entry, DIRENT64.d_name + 2, 1),
    branch(value, "eq", 0, next),
    label(isCgroup),
    set(name, entry),
    compute(name, name, "add", DIRENT64.d_name),
    call(why, "unlinkat", [current, name, AT_REMOVEDIR], {
      errors: { ENOENT: { to: next }, EBUSY: { to: "cgroup descend" } },
    }),
    compute(removed, removed, "add", 1),
    jump(next),
    label("cgroup descend"),
    // Never out of the cgroup file system, by something that is mounted there.
    call(why, "openat2", [current, name, openHow(O_RDONLY | O_CLOEXEC, 0, RESOLVE_NO_XDEV), OPEN_HOW_SIZE], {
      into: below,
      errors: { ENOENT: { to: next }, EXDEV: { to: next } },
    }),
    call(why, "close", [current]),
    set(current, below),
    jump("cgroup visit"),
    label("cgroup entry last"),
    call(why, "close", [current]),
  ];
}

/** The steps that remove what this run has made, wherever it has come to. */
export function removeDirectories(directories: readonly Directory[]): Step[] {
  return directories.length === 0 ? [] : removeThem(directories, directories.flatMap(removeOne));
}

/** The same, with a directory for which `around` puts what the steps remove into its slots, one by one. */
export const removeAlso = (
  directories: readonly Directory[],
  found: Directory,
  around: (remove: readonly Step[]) => Step[],
): Step[] =>
  removeThem(
    [...directories, found],
    [...directories.flatMap(removeOne), ...around(removeOne(found, directories.length))],
  );

function removeThem(directories: readonly Directory[], remove: readonly Step[]): Step[] {
  return [
    ...remove,
    jump(REMOVED),
    // Shared by all, reached only by what is busy; `turn` says where to go back to.
    label(EMPTY),
    guard(GIVE_UP),
    ...killTree(),
    label("cgroup visit"),
    ...killEach(),
    ...removeBelow(),
    // An attempt goes down one branch of the tree only; as long as it removes something it is none that
    // failed.
    branch(removed, "eq", removedBefore, PAUSE),
    set(removedBefore, removed),
    branch(removed, "gt", MOST_REMOVED, PAUSE),
    compute(attempt, attempt, "sub", 1),
    jump(GO_ON),
    label(PAUSE),
    call("wait for the cgroup to become empty", "nanosleep", [timespec(0, PAUSE_NS), 0], {
      errors: { EINTR: "ignore" },
    }),
    label(GO_ON),
    ...directories.map((_, index) => branch(turn, "eq", index, again(index))),
    label(GIVE_UP),
    set(attempt, ATTEMPTS),
    ...directories.map((_, index) => branch(turn, "eq", index, again(index))),
    label(REMOVED),
    guard(),
  ];
}
