/** --init: pid 1 is a small reaper of hutch's own, and the command its child. */
import { SIGNALS } from "../linux/signal.ts";
import { branch, call, exit, guard, label, slot } from "./build.ts";
import type { Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "./struct.ts";
import { EXIT_CODE, superviseChild } from "./supervise.ts";

const LAST_DESCRIPTOR = 0xffffffff;
const ANY_CHILD = -1;

/**
 * Splits in two: the child goes on to the exec; the parent passes signals on to it, reaps whatever ends, and exits as
 * the child did. It keeps no descriptor, so that pipes end when the command closes them.
 */
export function reap(): Step[] {
  const main = slot("main");
  return [
    call(
      "make the command's process, below an init that reaps",
      "clone3",
      [cloneArgs({ flags: 0, exitSignal: SIGNALS.SIGCHLD }), CLONE_ARGS_SIZE],
      { into: main },
    ),
    branch(main, "eq", 0, "command"),
    guard(),
    call("hold no descriptor open", "close_range", [0, LAST_DESCRIPTOR, 0]),
    ...superviseChild({ pid: main, pidfd: undefined }, 0, "reap", ANY_CHILD),
    exit(EXIT_CODE, "exit as the command did"),
    label("command"),
  ];
}
