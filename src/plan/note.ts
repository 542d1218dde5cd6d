/**
 * What the launcher of `run` writes down: the pid of init, where `hutch state`, `exec` and `kill` look for
 * it; at the container's end it removes what is known of the container. The paths are arguments of the
 * program, so that one program serves containers of all names; a file whose argument is missing is not
 * wanted.
 */
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, O_CREAT, O_TRUNC, O_WRONLY } from "../linux/fcntl.ts";
import { branch, buffer, call, label, slot } from "./build.ts";
import { FIRST_ARGUMENT, PATHS, type Path } from "./note-arguments.ts";
import type { Given, Slot, Step } from "./step.ts";

const pathOf = (name: Path): Slot => slot(`path of ${name}`);

const take = (name: Path): Given => ({
  kind: "given",
  into: pathOf(name),
  what: FIRST_ARGUMENT + PATHS.indexOf(name),
});

/** The decimal digits of 2^64, and a zero byte. */
const TEXT = buffer("pid as text", 24);
const LENGTH = slot("length of the pid");
const FILE = slot("file of the pid");

function writePid(name: Path, mode: number): Step[] {
  const subject = pathOf(name);
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  return [
    call("write the pid of init to", "openat", [AT_FDCWD, subject, flags, mode], { into: FILE, subject }),
    call("write the pid of init to", "write", [FILE, TEXT, LENGTH], { subject }),
    call("close the file of the pid", "close", [FILE]),
  ];
}

/** Writes the pid of init wherever it is wanted; the pid file of the caller appears whole. */
export function notePid(init: Slot): Step[] {
  const [from, to] = [pathOf("new pid file"), pathOf("pid file")];
  return [
    take("pid"),
    branch(pathOf("pid"), "eq", 0, "pid is written"),
    { kind: "decimal", to: TEXT, value: init, length: LENGTH },
    ...writePid("pid", 0o600),
    take("pid file"),
    branch(to, "eq", 0, "pid is written"),
    take("new pid file"),
    ...writePid("new pid file", 0o644),
    call("write the pid of init to", "renameat2", [AT_FDCWD, from, AT_FDCWD, to, 0], { subject: to }),
    label("pid is written"),
  ];
}

/** Leaves a file that says that somebody was killed for want of memory, where the state is kept. */
export const noteOom = (kills: Slot): Step[] => [
  branch(kills, "le", 0, "oom is noted"),
  take("oom"),
  branch(pathOf("oom"), "eq", 0, "oom is noted"),
  call(
    "note that memory ran out in",
    "openat",
    [AT_FDCWD, pathOf("oom"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600],
    {
      into: FILE,
      subject: pathOf("oom"),
    },
  ),
  call("close the note", "close", [FILE]),
  label("oom is noted"),
];

/** Forgets the container; `delete --force` may have been faster. */
export function forget(): Step[] {
  const remove = (name: Path, flags: number): Step[] => [
    take(name),
    call("remove", "unlinkat", [AT_FDCWD, pathOf(name), flags], {
      errors: { ENOENT: "ignore" },
      subject: pathOf(name),
    }),
  ];
  return [
    take("directory"),
    branch(pathOf("directory"), "eq", 0, "forgotten"),
    ...remove("record", 0),
    ...remove("pid", 0),
    ...remove("directory", AT_REMOVEDIR),
    label("forgotten"),
  ];
}
