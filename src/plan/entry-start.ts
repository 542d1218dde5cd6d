/** `start` without Bun: what container/start.ts does, for a container that has no hooks left. */
import { AT_EMPTY_PATH, LOCK_EX, LOCK_NB, O_CLOEXEC, O_NONBLOCK, O_WRONLY } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { STATX_NLINK, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, bytes, call, exit, load, slot } from "./build.ts";
import { DIRECTORY, FILE } from "./entry-place.ts";
import { BUN } from "./entry-words.ts";
import type { Step } from "./step.ts";
import { ignoredAction, SIGSET_SIZE } from "./struct.ts";
import { START } from "./summary.ts";

const STATUS = buffer("statx", STATX_SIZE_OF);

/**
 * Nobody waits for `start` at a FIFO that no one holds: then it cannot be opened (ENXIO). The summary was
 * written after the container was created, so nobody but init holds it.
 */
export function startContainer(): Step[] {
  const why = "let the container's program begin";
  const links = slot("links");
  const orElse = { otherwise: BUN };
  return [
    call(why, "openat", [DIRECTORY, START, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0], { into: FILE, ...orElse }),
    // Exactly one of many gets the lock while the FIFO has its name.
    call(why, "flock", [FILE, LOCK_EX | LOCK_NB], orElse),
    call(why, "statx", [FILE, "", AT_EMPTY_PATH, STATX_NLINK, STATUS], orElse),
    load(links, STATUS, STATX_OFFSETS.stx_nlink, 4),
    branch(links, "eq", 0, BUN),
    // Init may end just now: then the write fails instead, and Bun, which ignores the signal too, says so.
    call(why, "rt_sigaction", [SIGNALS.SIGPIPE, ignoredAction(), 0, SIGSET_SIZE], orElse),
    call(why, "write", [FILE, bytes(new Uint8Array([1])), 1], orElse),
    call(why, "unlinkat", [DIRECTORY, START, 0], { errors: { ENOENT: "ignore" }, ...orElse }),
    exit(0, "the container has started"),
  ];
}
