/**
 * `create`: hutch stays alive until init waits for `start`. The creator makes the cgroup and init as the
 * launcher does, tells hutch about it, and ends when hutch has written down what was made; init then has no
 * parent left but the caller's (conmon, the shim of containerd), and waits.
 *
 * Whoever dies before that takes the rest along: init dies with the creator (PR_SET_PDEATHSIG), and the
 * creator undoes everything when hutch's end of the pipe is closed.
 *
 * Of a `run` in the foreground that has hooks the creator stays, and supervises init as the launcher does; all
 * three live until the end.
 */
import { POLLIN } from "../linux/poll.ts";
import { PR_SET_PDEATHSIG } from "../linux/prctl.ts";
import { SFD_CLOEXEC, SIGSET_SIZE } from "../linux/signal.ts";
import { branch, buffer, call, compute, exit, label, load, slot, store } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { controlDescriptor } from "./creator-control.ts";
import { tell } from "./follow.ts";
import { receiveState, runHooks, STATE_LENGTH, withUmask } from "./hook.ts";
import { ROOT } from "./root.ts";
import { ENDING } from "./signal.ts";
import type { Slot, Step } from "./step.ts";
import { signalSet } from "./struct.ts";
import { sendDescriptor } from "./terminal.ts";

const BYTE = buffer("control byte", 8);

/** Reads one byte into `got`; 0 when the other end is closed. */
const take = (why: string, descriptor: number, got: Slot): Step =>
  call(why, "read", [descriptor, BYTE, 1], { into: got, errors: { EINTR: "retry" } });

const POLL = buffer("go and init", 16);
const REVENTS = 6;

/**
 * Waits until hutch says something; goes on at "undo" when init ends before. hutch waits for what init tells,
 * and cannot see its end while the creator holds that pipe too.
 */
function awaitGoOrEnd(go: number, pidfd: Slot): Step[] {
  const said = slot("hutch has said something");
  return [
    store(POLL, 0, 4, go),
    store(POLL, 4, 2, POLLIN),
    store(POLL, 8, 4, pidfd),
    store(POLL, 12, 2, POLLIN),
    call("wait for hutch, or for the end of init", "ppoll", [POLL, 2, 0, 0, 0], {
      errors: { EINTR: "retry" },
    }),
    load(said, POLL, REVENTS, 2),
    branch(said, "eq", 0, "undo"),
  ];
}

/** In the creator, after init's birth: goes on at "undo" unless hutch has written everything down. */
export function handOver(context: Context, init: Slot, pidfd: Slot): Step[] {
  const got = slot("go");
  return [
    tell("tell hutch the pid of init", context, "pid", init),
    ...settleCgroup(context, init, pidfd),
    ...awaitGoOrEnd(controlDescriptor(context.launch.preserveFds, "go"), pidfd),
    take(
      "wait until hutch has written down what was made",
      controlDescriptor(context.launch.preserveFds, "go"),
      got,
    ),
    branch(got, "ne", 1, "undo"),
    ...(context.launch.sendsPidfd
      ? sendDescriptor(
          "send the pidfd of init",
          controlDescriptor(context.launch.preserveFds, "pidfd"),
          pidfd,
        )
      : []),
    ...(context.launch.supervises
      ? [letGo(context.launch.preserveFds)]
      : [exit(0, "leave init to the caller")]),
  ];
}

/** In the creator: what is left of the cgroup when systemd, asked by hutch, has put init into it. */
function settleCgroup(context: Context, init: Slot, pidfd: Slot): Step[] {
  const settle = context.cgroup?.settle;
  if (settle === undefined) return [];
  const got = slot("placed");
  const go = controlDescriptor(context.launch.preserveFds, "go");
  return [
    ...awaitGoOrEnd(go, pidfd),
    take("wait until systemd has put init into its cgroup", go, got),
    branch(got, "ne", 1, "undo"),
    ...settle(init),
    tell("tell hutch that init is in its cgroup, and limited", context, "settled", 0),
  ];
}

/** In init: it goes on in its cgroup. */
export function awaitCgroup(context: Context): Step[] {
  if (context.cgroup?.settle === undefined) return [];
  const got = slot("in the cgroup");
  const hand = controlDescriptor(context.launch.preserveFds, "hand");
  return [
    take("wait to be put into the cgroup", hand, got),
    branch(got, "eq", 1, "in the cgroup"),
    exit(125, "end: there is no cgroup, or hutch has died"),
    label("in the cgroup"),
  ];
}

/** Failures are told to the end; the socket of `start` must be init's alone, for it says that init waits. */
const letGo = (preserveFds: number): Step =>
  call("keep nothing of hutch's but the pipe of reports", "close_range", [
    controlDescriptor(preserveFds, "go"),
    controlDescriptor(preserveFds, "pidfd"),
    0,
  ]);

/** Once the terminal is as the caller's: the container may begin. */
export const tellSupervised = (context: Context): Step[] =>
  context.launch.supervises ? [tell("tell hutch that init is supervised", context, "supervised", 0)] : [];

/** True when hooks have to run between the namespaces and the root. */
export const pausesForHooks = ({ launch, spec }: Context): boolean =>
  launch.creates &&
  [spec.hooks?.prestart, spec.hooks?.createRuntime, spec.hooks?.createContainer].some((list) => list?.length);

/** In init, before the root is entered: hutch runs its hooks, and init those of the container. */
export function pauseForHooks(context: Context): Step[] {
  if (!pausesForHooks(context)) return [];
  const { launch, spec } = context;
  return [
    tell("tell hutch that the namespaces are made", context, "made", 0),
    ...receiveState("wait for hutch's hooks", controlDescriptor(launch.preserveFds, "hand")),
    branch(STATE_LENGTH, "gt", 0, "hooks have run"),
    exit(125, "end: a hook of hutch has failed, or hutch has died"),
    label("hooks have run"),
    // As with runc, in the root as the host sees it.
    ...runHooks("createContainer", spec.hooks?.createContainer, {
      ...withUmask,
      ...(isNew(context, "mount") ? { directory: ROOT } : {}),
    }),
  ];
}

const SIGNAL = buffer("signal to init", 128);
const WAIT = buffer("start and signals", 16);

/**
 * Waits for `start`, or for a signal that ends the container: as pid 1 it would not hear of it by itself. A
 * filter of system calls that refuses this is in force already: then the signal waits, too.
 */
function awaitStartOrEnd(start: number): Step[] {
  const [file, told, signal] = [slot("signals to init"), slot("start is told"), slot("signal that ends")];
  const refused = {
    EPERM: { to: "start alone" },
    EACCES: { to: "start alone" },
    ENOSYS: { to: "start alone" },
  };
  return [
    call("hear of signals that end it", "signalfd4", [-1, signalSet(ENDING), SIGSET_SIZE, SFD_CLOEXEC], {
      into: file,
      errors: refused,
    }),
    store(WAIT, 0, 4, start),
    store(WAIT, 4, 2, POLLIN),
    store(WAIT, 8, 4, file),
    store(WAIT, 12, 2, POLLIN),
    call("wait for start, or for a signal", "ppoll", [WAIT, 2, 0, 0, 0], {
      errors: { EINTR: "retry", ...refused },
    }),
    load(told, WAIT, REVENTS, 2),
    branch(told, "ne", 0, "start alone"),
    call("take the signal", "read", [file, SIGNAL, 128], { errors: { EINTR: "retry" } }),
    load(signal, SIGNAL, 0, 4),
    compute(signal, signal, "add", 128),
    exit(signal, "end as the signal wants"),
    label("start alone"),
  ];
}

/** In init, when nothing is left but the exec: lets go of the creator, and waits for `start`. */
export function awaitStart(context: Context): Step[] {
  const { preserveFds, supervises } = context.launch;
  const got = slot("start");
  return [
    tell("tell hutch that init is ready", context, "ready", 0),
    ...receiveState("wait to be handed over", controlDescriptor(preserveFds, "hand")),
    branch(STATE_LENGTH, "gt", 0, "handed over"),
    exit(125, "end: hutch died before the container was handed over"),
    label("handed over"),
    ...(supervises ? [] : [call("outlive the creator", "prctl", [PR_SET_PDEATHSIG, 0, 0, 0, 0])]),
    tell("tell hutch that init is handed over", context, "handed", 0),
    ...awaitStartOrEnd(controlDescriptor(preserveFds, "start")),
    take("wait for start", controlDescriptor(preserveFds, "start"), got),
    ...runHooks("startContainer", context.spec.hooks?.startContainer),
  ];
}
