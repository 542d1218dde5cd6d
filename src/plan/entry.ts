/**
 * The entry program: what the kernel begins when somebody runs hutch.
 *
 * Bun takes some 7 ms to begin, and an engine runs hutch three times in the life of a container. `start` and
 * `delete` are a dozen system calls in most cases, and an `exec` whose program is kept a few more. So these
 * calls are made first, by a program of a few kilobytes that the build puts into the executable
 * (scripts/graft.ts); it does what it can do completely, and leaves the rest to Bun, which begins as if
 * nothing had been before.
 *
 * What it leaves to Bun: every other command, every command line that is not just what engines write, every
 * container without a summary (see summary.ts), every `exec` that was not there before (see kept-joiner.ts),
 * and whatever does not go as expected. Until then nothing has happened that Bun would not do as well, in the
 * same order; so every message is Bun's. (A detached `exec` that fails late is Bun's to tell, but not to do
 * again: see failed-exec.ts.)
 */
import type { Arch } from "../linux/arch.ts";
import { AT_FDCWD, F_OK } from "../linux/fcntl.ts";
import { branch, call, label, set } from "./build.ts";
import { deleteContainer } from "./entry-delete.ts";
import { execKept } from "./entry-exec.ts";
import { readExecWords } from "./entry-exec-words.ts";
import { VARIABLE } from "./entry-failed.ts";
import { closeDescriptors, forgetDescriptors, openContainer, openRoot, readSummary } from "./entry-place.ts";
import { startContainer } from "./entry-start.ts";
import { BUN, COMMAND, COMMANDS, checkId, readWords } from "./entry-words.ts";
import type { Plan, Step } from "./step.ts";
import { begin, type Successor } from "./successor.ts";
import { TUNING } from "./tuning.ts";

export const planEntry = (arch: Arch, bun: Successor): Plan => [
  ...forgetDescriptors(),
  set(VARIABLE, TUNING),
  ...readWords(),
  ...readExecWords(),
  ...checkId(),
  ...openRoot(arch),
  openContainer(arch),
  branch(COMMAND, "eq", COMMANDS.exec, "exec"),
  ...readSummary(),
  branch(COMMAND, "eq", COMMANDS.delete, "delete"),
  ...startContainer(),
  label("delete"),
  ...deleteContainer(arch),
  label("exec"),
  ...execKept(),
  label(BUN),
  ...closeDescriptors(),
  needProc(),
  ...begin(bun, VARIABLE),
];

/** The C library takes the bounds of the stack from there; without, Bun ends with a crash report. */
const needProc = (): Step =>
  call("/proc", "faccessat", [AT_FDCWD, "/proc/self/maps", F_OK], {
    hints: { ENOENT: "mount -t proc proc /proc; hutch and Bun need it" },
  });
