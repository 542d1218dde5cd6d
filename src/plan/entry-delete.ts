/**
 * `delete` without Bun: what container/delete.ts does, for a container whose init has ended and whose cgroups
 * are empty, in the same order; Bun takes over wherever this stops.
 */
import type { Arch } from "../linux/arch.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  F_OK,
  O_CLOEXEC,
  O_RDONLY,
  openFlags,
} from "../linux/fcntl.ts";
import { POLLIN } from "../linux/poll.ts";
import { STATX_INO, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, compute, exit, jump, label, load, set, slot, struct } from "./build.ts";
import { CONTENT, DIRECTORY, FILE, ROOT } from "./entry-place.ts";
import { BUN, ID } from "./entry-words.ts";
import type { Step } from "./step.ts";
import { timespec } from "./struct.ts";
import { CGROUPS_AT, PID_AT, RECORD, START } from "./summary.ts";
import { ifEmpty, ifText, skipText } from "./text.ts";

const orElse = { otherwise: BUN } as const;
const result = slot("result");

export const deleteContainer = (arch: Arch): Step[] => [
  ...unlessEnded(),
  ...unlessStarted(),
  ...removeCgroups(),
  ...forget(arch),
  exit(0, "the container is deleted"),
];

/**
 * A pidfd is readable when its process has ended, also one that nobody has waited for yet. Another process
 * that has taken the number, and lives, is taken for init: Bun tells them apart.
 */
function unlessEnded(): Step[] {
  const why = "see that init has ended";
  const pid = slot("pid");
  const pollfd = struct("pollfd", [
    ["fd", 4, FILE],
    ["events", 2, POLLIN],
    ["revents", 2, 0],
  ]);
  return [
    load(pid, CONTENT, PID_AT, 8),
    call(why, "pidfd_open", [pid, 0], { into: FILE, errors: { ESRCH: { to: "no init" } }, ...orElse }),
    call(why, "ppoll", [pollfd, 1, timespec(0, 0), 0, 0], { into: result, ...orElse }),
    branch(result, "eq", 0, BUN),
    call(why, "close", [FILE], orElse),
    label("no init"),
    set(FILE, -1),
  ];
}

/** A container that was not started may still be in the making: Bun looks who holds its socket. */
const unlessStarted = (): Step[] => [
  call("see that it was started", "faccessat", [DIRECTORY, START, F_OK], {
    errors: { ENOENT: { to: "started" } },
    ...orElse,
  }),
  jump(BUN),
  label("started"),
];

function removeCgroups(): Step[] {
  const path = slot("path of a cgroup");
  return [
    set(path, CONTENT),
    compute(path, path, "add", CGROUPS_AT),
    label("cgroup"),
    ...ifEmpty(path, "no cgroup left"),
    call("remove a cgroup", "unlinkat", [AT_FDCWD, path, AT_REMOVEDIR], {
      errors: { ENOENT: "ignore" },
      ...orElse,
    }),
    ...skipText("the path", path),
    jump("cgroup"),
    label("no cgroup left"),
  ];
}

/** struct linux_dirent64 (getdents64(2)), and room for many of them. */
const RECORD_LENGTH_AT = 16;
const NAME_AT = 19;
const ENTRIES = buffer("entries", 4096);

/** The identity of the container's directory, and of what has its id now. */
const OWN = buffer("status of the directory", STATX_SIZE_OF);
const NAMED = buffer("status of the id", STATX_SIZE_OF);

/**
 * Two may delete at once: what is gone already is no failure. The record goes last, and the directory only
 * when it is still this container's, as in container/store.ts.
 */
function forget(arch: Arch): Step[] {
  const why = "forget the container";
  const entry = slot("entry");
  const end = slot("end of the entries");
  const length = slot("length of an entry");
  const name = slot("name");
  const gone = { errors: { ENOENT: "ignore" }, ...orElse } as const;
  return [
    call(why, "openat", [DIRECTORY, ".", O_RDONLY | O_CLOEXEC | openFlags(arch).O_DIRECTORY, 0], {
      into: FILE,
      ...orElse,
    }),
    label("entries"),
    call(why, "getdents64", [FILE, ENTRIES, ENTRIES.size], { into: result, ...orElse }),
    branch(result, "eq", 0, "no entry left"),
    set(entry, ENTRIES),
    compute(end, entry, "add", result),
    label("entry"),
    branch(entry, "ge", end, "entries"),
    compute(name, entry, "add", NAME_AT),
    load(length, entry, RECORD_LENGTH_AT, 2),
    compute(entry, entry, "add", length),
    ...ifText(name, ".", true, "entry"),
    ...ifText(name, "..", true, "entry"),
    ...ifText(name, RECORD, true, "entry"),
    call(why, "unlinkat", [DIRECTORY, name, 0], gone),
    jump("entry"),
    label("no entry left"),
    call(why, "unlinkat", [DIRECTORY, RECORD, 0], gone),
    ...unlessStill(why, "forgotten"),
    call(why, "unlinkat", [ROOT, ID, AT_REMOVEDIR], gone),
    label("forgotten"),
  ];
}

/** Goes on at `to` when the id leads to no directory any more, or to another. */
function unlessStill(why: string, to: string): Step[] {
  const [own, named] = [slot("own"), slot("named")];
  const fields = [
    [STATX_OFFSETS.stx_ino, 8],
    [STATX_OFFSETS.stx_dev_major, 4],
    [STATX_OFFSETS.stx_dev_minor, 4],
  ] as const;
  return [
    call(why, "statx", [DIRECTORY, "", AT_EMPTY_PATH, STATX_INO, OWN], orElse),
    call(why, "statx", [ROOT, ID, AT_SYMLINK_NOFOLLOW, STATX_INO, NAMED], {
      errors: { ENOENT: { to } },
      ...orElse,
    }),
    ...fields.flatMap(([offset, size]) => [
      load(own, OWN, offset, size),
      load(named, NAMED, offset, size),
      branch(own, "ne", named, to),
    ]),
  ];
}
