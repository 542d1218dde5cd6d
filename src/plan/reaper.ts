/** --init: pid 1 is a small reaper of hutch's own, and the command its child. */
import { LAST_DESCRIPTOR } from "../linux/fcntl.ts";
import { TIOCSPGRP } from "../linux/ioctl.ts";
import { PR_SET_NAME } from "../linux/prctl.ts";
import { SIG_BLOCK, SIGNALS } from "../linux/signal.ts";
import { address, branch, call, exit, guard, label, slot } from "./build.ts";
import { REAPER_NAME } from "./note-arguments.ts";
import type { Step } from "./step.ts";
import { SIGSET_SIZE, signalSet } from "./struct.ts";
import { EXIT_CODE, superviseChild } from "./supervise.ts";

const ANY_CHILD = -1;
const SIGTTOU_BIT = 1n << BigInt(SIGNALS.SIGTTOU - 1);

/**
 * Splits in two: the child goes on to the exec; the parent passes signals on to it, reaps whatever ends, and
 * exits as the child did. It keeps no descriptor, so that pipes end when the command closes them.
 */
export function reap(terminal: boolean): Step[] {
  const main = slot("main");
  const group = slot("command's group");
  const why = "a process group of its own: what a terminal or a kill tells the group must not come twice";
  return [
    call(
      "make the command's process, below an init that reaps",
      // Not clone3, to which profiles say ENOSYS because they cannot look into its struct.
      "clone",
      [SIGNALS.SIGCHLD, 0, 0, 0, 0],
      { into: main },
    ),
    branch(main, "eq", 0, "command"),
    guard(),
    call("hold no descriptor open", "close_range", [0, LAST_DESCRIPTOR, 0]),
    call("tell by its name that this is the reaper", "prctl", [PR_SET_NAME, REAPER_NAME, 0, 0, 0]),
    ...superviseChild({ pid: main, pidfd: undefined }, 0, "reap", ANY_CHILD),
    exit(EXIT_CODE, "exit as the command did"),
    label("command"),
    call(why, "setpgid", [0, 0]),
    ...(terminal
      ? [
          call(why, "getpid", [], { into: group }),
          // Who is not in the foreground yet would be stopped; the caller's mask is given back before the
          // exec.
          call(why, "rt_sigprocmask", [SIG_BLOCK, signalSet(SIGTTOU_BIT), 0, SIGSET_SIZE]),
          call("bring the command to the foreground", "ioctl", [0, TIOCSPGRP, address(group)]),
        ]
      : []),
  ];
}
