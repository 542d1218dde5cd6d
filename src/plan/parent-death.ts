/** Init ends with its launcher, also with one that was killed before init could ask the kernel for that. */
import { POLLIN } from "../linux/poll.ts";
import { PR_SET_PDEATHSIG } from "../linux/prctl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { branch, buffer, call, exit, label, slot, store, struct } from "./build.ts";
import type { Step } from "./step.ts";

const LAUNCHER = slot("launcher pidfd");
const POLL = buffer("launcher's end", 8);
const NO_TIME = struct("timespec", [
  ["tv_sec", 8, 0],
  ["tv_nsec", 8, 0],
]);

/** In the launcher: init inherits the descriptor, which tells of the launcher's end in any pid namespace. */
export function openLauncher(): Step[] {
  const pid = slot("launcher");
  const why = "let init see whether its launcher lives";
  return [call(why, "getpid", [], { into: pid }), call(why, "pidfd_open", [pid, 0], { into: LAUNCHER })];
}

/** In the launcher, once init has it too. */
export const closeLauncher = (): Step => call("leave it to init", "close", [LAUNCHER]);

/**
 * What the kernel sends the launcher when its parent dies, for --die-with-parent: none that has a meaning, so
 * that the launcher can end the container and remove what it has made. A parent that follows sends it to end
 * the container without waiting for its last output.
 */
export const PARENT_DIED = 64;

/** In the launcher, which holds signals back until it supervises. */
export const hearOfParent = (): Step =>
  call("hear of the parent's death", "prctl", [PR_SET_PDEATHSIG, PARENT_DIED, 0, 0, 0]);

/** Asks to be ended with the launcher; a change of ids or a gain of capabilities undoes it (prctl(2)). */
export const askToDie = (): Step =>
  call("die with the process that makes this one", "prctl", [PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0]);

/** The same in init, while it has the descriptor; the label is named after `when`. */
export function dieWithLauncher(when: string): Step[] {
  const ended = slot("launcher has ended");
  const goOn = `the launcher lives ${when}`;
  return [
    askToDie(),
    // The launcher may have died before the kernel was asked.
    store(POLL, 0, 4, LAUNCHER),
    store(POLL, 4, 4, POLLIN),
    call("see whether the launcher lives", "ppoll", [POLL, 1, NO_TIME, 0, 0], { into: ended }),
    branch(ended, "eq", 0, goOn),
    exit(125, "end: the launcher has died"),
    label(goOn),
  ];
}
