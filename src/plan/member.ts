/** The process of `exec` in the container (see joiner.ts). */
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import type { Process } from "../spec/spec.ts";
import { call } from "./build.ts";
import type { Context } from "./context.ts";
import { closeAtExec, closeDescriptors, execute } from "./exec.ts";
import { FOLLOW } from "./follow.ts";
import type { Joining } from "./joiner-control.ts";
import { joinKeyring } from "./namespace.ts";
import { becomeUser } from "./order.ts";
import { becomeRoot, openContainerRoot, setPersonality, setRlimits, setScheduler } from "./process.ts";
import { ROOT } from "./root.ts";
import { loadSeccomp } from "./seccomp-load.ts";
import { restoreMask } from "./signal.ts";
import type { Step } from "./step.ts";
import { attachTerminal, openPair, sendMaster, sendRelayed, THEIRS } from "./terminal.ts";

/** What runs in the container: as its first process did, from the credentials on. */
export function member(context: Context, process: Process, { detached }: Joining): Step[] {
  const { preserveFds, followed } = context.launch;
  return [
    ...becomeRoot(context),
    ...joinKeyring(),
    call("a session of its own", "setsid", []),
    ...(process.terminal ? makeTerminal(process, detached && !followed) : []),
    closeDescriptors(preserveFds + (followed ? FOLLOW.length : detached ? 1 : 0)),
    ...setRlimits(process, context),
    ...setScheduler(process),
    ...setPersonality(context),
    openContainerRoot(),
    ...becomeUser(context, process),
    closeAtExec(preserveFds),
    restoreMask(),
    ...(process.noNewPrivileges ? loadSeccomp(context) : []),
    ...execute(process, { givenEnvironment: false }),
  ];
}

/** A pair of the container's devpts, so that its name is true there. */
const makeTerminal = (process: Process, handsOn: boolean): Step[] => [
  call("open the container's root", "openat", [AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0], { into: ROOT }),
  ...openPair(process),
  ...(handsOn ? sendMaster(THEIRS) : sendRelayed()),
  ...attachTerminal(process),
];
