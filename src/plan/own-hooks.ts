/**
 * Hooks of a program that no hutch stays beside: a file of `hutch compile`, a container of the library. The
 * launcher runs those of the host (prestart, createRuntime, poststart, poststop), init those of the container
 * (see init-hooks.ts), at the places and with the states that `hutch run` has for them.
 *
 * Between the two is a socket. Init writes a byte when what the first hooks look for is made, and waits for
 * the state, which comes when those have run; it writes another before its exec, which closes its end, and a
 * third where that fails: so poststart knows whether the container's program has begun.
 */
import { F_DUPFD_CLOEXEC } from "../linux/fcntl.ts";
import { POLLIN } from "../linux/poll.ts";
import { PR_SET_PDEATHSIG } from "../linux/prctl.ts";
import { CLONE_PIDFD } from "../linux/sched.ts";
import { SFD_CLOEXEC, SIGNALS } from "../linux/signal.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM } from "../linux/socket.ts";
import { __WALL } from "../linux/wait.ts";
import {
  address,
  branch,
  buffer,
  call,
  compute,
  exit,
  guard,
  jump,
  label,
  load,
  set,
  slot,
  store,
} from "./build.ts";
import type { Context } from "./context.ts";
import { tell } from "./follow.ts";
import { type HookOptions, INTERRUPTED, runHook, runHooks, type Stop, takeEnding } from "./hook.ts";
import { enterBundle, findHook, learnPid, ownHooks, stateOf } from "./hook-state.ts";
import { PARENT_DIED } from "./parent-death.ts";
import { inheritedNofile } from "./process.ts";
import { ENDING } from "./signal.ts";
import type { Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs, SIGSET_SIZE, signalSet, timespec } from "./struct.ts";
import { ABANDONED, EXIT_CODE } from "./supervise.ts";

const PAIR = buffer("hook sockets", 8);
/** The launcher's end, and init's. */
export const OURS = slot("launcher's end of the hooks");
export const THEIRS = slot("init's end of the hooks");
/** Signals that end what is waited for; the others wait for the container. */
const STOP = slot("signals to the hooks");
/** 1 once the container is so far that poststop is due. */
const MADE = slot("container was made");
const RUNNER = slot("poststart runner");
const RUNNER_PIDFD = slot("poststart runner pidfd");

const STOPPING = ENDING | (1n << BigInt(PARENT_DIED - 1));
/** Above the descriptors that have fixed numbers in init. */
const HIGH = 16;

export const BEFORE_BEGIN = " before the container had begun";

/** A descriptor of the signals that end a hook. */
export const hearEnding = (errors: { readonly isFiltered: boolean }): Step =>
  call("hear of signals that end it", "signalfd4", [-1, signalSet(STOPPING), SIGSET_SIZE, SFD_CLOEXEC], {
    into: STOP,
    ...(errors.isFiltered ? { errors: { EPERM: "ignore", EACCES: "ignore", ENOSYS: "ignore" } } : {}),
  });

export { STOP };

/** In the launcher, before the clone. */
export function openHooks(context: Context): Step[] {
  if (ownHooks(context) === undefined) return [];
  const why = "a socket on which init waits for hooks";
  const end = slot("init's end of the hooks, low");
  return [
    call(why, "socketpair", [AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, PAIR]),
    load(OURS, PAIR, 0, 4),
    load(end, PAIR, 4, 4),
    call(why, "fcntl", [end, F_DUPFD_CLOEXEC, HIGH + context.launch.preserveFds], { into: THEIRS }),
    call(why, "close", [end]),
    hearEnding({ isFiltered: false }),
  ];
}

const POLL = buffer("hook socket and signals", 16);
const REVENTS = 6;

/** Goes on at `ready` when `file` has something to say, falls through when a signal is there. */
const waitOrSignal = (why: string, file: Slot, ready: string): Step[] => {
  const said = slot("hooks are told");
  return [
    store(POLL, 0, 4, file),
    store(POLL, 4, 4, POLLIN),
    store(POLL, 8, 4, STOP),
    store(POLL, 12, 4, POLLIN),
    call(why, "ppoll", [POLL, 2, 0, 0, 0], { errors: { EINTR: "retry" } }),
    load(said, POLL, REVENTS, 2),
    branch(said, "ne", 0, ready),
  ];
};

const BYTE = buffer("hook byte", 8);
const GOT = slot("hook bytes");

/** Reads a byte of init's; less than 1 in `GOT` when it has closed its end. */
const take = (why: string): Step =>
  call(why, "read", [OURS, BYTE, 1], { into: GOT, errors: { EINTR: "retry", ECONNRESET: "ignore" } });

/** Hooks of the host: in the bundle, in sessions of their own, with the limits of hutch's caller. */
const hostOptions = (context: Context, stop: Omit<Stop, "file">): HookOptions => ({
  isSession: true,
  enter: (why, key) => [...inheritedNofile(context), ...enterBundle(context)(why, key)],
  find: findHook(context),
  stop: { file: STOP, ...stop },
});

/** In the launcher, after the clone: up to where init goes on to the container's program. */
export function runCreationHooks(context: Context, init: Slot, pidfd: Slot): Step[] {
  const hooks = ownHooks(context);
  if (hooks === undefined) return [];
  const over = "creation hooks are over";
  const { startContainer, createContainer } = hooks;
  const creating = stateOf(context, "creating");
  const handed = isPaused(context) ? creating : stateOf(context, "created");
  const options: HookOptions = {
    ...hostOptions(context, { init: { pidfd, ended: over }, what: BEFORE_BEGIN }),
    failure: "undo",
    state: creating,
  };
  const wait = "wait until the container is made, or for a signal";
  const sent = slot("state sent");
  const isRead = [startContainer, createContainer].some((list) => list?.length);
  return [
    call("leave init its end of the hooks", "close", [THEIRS]),
    ...waitOrSignal(wait, OURS, "init has told something"),
    ...takeEnding(wait, STOP),
    { kind: "fail", message: `make the container: ended by a signal${BEFORE_BEGIN}` },
    label("init has told something"),
    take(wait),
    branch(GOT, "le", 0, over),
    set(MADE, 1),
    learnPid(init),
    ...creating.steps,
    ...runHooks("prestart", hooks.prestart, options),
    ...runHooks("createRuntime", hooks.createRuntime, options),
    isRead
      ? handed.write("let init go on with the state for its hooks", OURS, { into: sent, errors: GONE })
      : call("let init go on", "write", [OURS, "\n", 1], { errors: GONE }),
    ...startRunner(context),
    label(over),
    call("leave the rest to init", "close", [OURS]),
  ];
}

/** An init that has ended has told of that itself. */
const GONE = { EPIPE: "ignore", ECONNRESET: "ignore" } as const;

/** True when init waits before it enters its root; else it does so when nothing is left but its exec. */
export const isPaused = (context: Context): boolean => {
  const { prestart, createRuntime, createContainer } = ownHooks(context) ?? {};
  return [prestart, createRuntime, createContainer].some((list) => list?.length);
};

/** True when somebody waits for the container's program. */
export const isToldBegin = (context: Context): boolean => {
  const hooks = ownHooks(context);
  return hooks !== undefined && (context.launch.followed || (hooks.poststart ?? []).length > 0);
};

/**
 * A process beside the launcher, which supervises meanwhile: it waits until the container's program has
 * begun, runs poststart, and tells who follows.
 */
function startRunner(context: Context): Step[] {
  if (!isToldBegin(context)) return [];
  const { launch } = context;
  const { poststart = [] } = ownHooks(context) ?? {};
  const why = "wait until the container's program runs";
  const [count, ended] = [slot("bytes before the begin"), "poststart has ended"];
  const flags = { flags: CLONE_PIDFD, pidfd: address(RUNNER_PIDFD), exitSignal: 0 };
  const running = stateOf(context, "running");
  return [
    call("a process that waits for poststart", "clone3", [cloneArgs(flags), CLONE_ARGS_SIZE], {
      into: RUNNER,
    }),
    branch(RUNNER, "ne", 0, "poststart has its process"),
    guard(ended),
    call("hear no key of the caller's terminal", "setsid", []),
    call("end with the launcher", "prctl", [PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0]),
    label("not begun"),
    take(why),
    branch(GOT, "le", 0, "begun or ended"),
    compute(count, count, "add", 1),
    jump("not begun"),
    label("begun or ended"),
    branch(count, "ne", 1, ended),
    ...(launch.followed && poststart.length > 0
      ? [tell("tell hutch that the program has begun", context, "began", 0)]
      : []),
    ...running.steps,
    ...runToEnd("poststart", context, ended, running),
    ...(launch.followed ? [tell("tell hutch that the container runs", context, "running", 0)] : []),
    label(ended),
    guard(),
    exit(0, "end: poststart is over"),
    label("poststart has its process"),
    guard("undo"),
  ];
}

/** Runs all hooks of a kind: one that fails is told, and changes nothing. */
function runToEnd(
  kind: "poststart" | "poststop",
  context: Context,
  stopped: string | undefined,
  state: NonNullable<HookOptions["state"]>,
): Step[] {
  const hooks = ownHooks(context)?.[kind] ?? [];
  return hooks.flatMap((hook, index) => {
    const next = `${kind} ${index} is over`;
    return [
      guard(next),
      ...runHook(kind, hook, index, { ...hostOptions(context, { what: "" }), failure: next, state }),
      label(next),
      ...(stopped === undefined ? [] : [branch(INTERRUPTED, "ne", 0, stopped)]),
    ];
  });
}

/** What came for the container is no signal to the hooks that follow. */
const forgetSignals = (which: string, set: bigint): Step[] => [
  label(`${which} signals`),
  call(
    "forget what was meant for the container",
    "rt_sigtimedwait",
    [signalSet(set), 0, timespec(0, 0), SIGSET_SIZE],
    { errors: { EAGAIN: { to: `no ${which} signals` }, EINTR: "retry" } },
  ),
  jump(`${which} signals`),
  label(`no ${which} signals`),
];

/** In the launcher, when the container has ended: waits for poststart, until a signal ends that. */
export function endHooks(context: Context): Step[] {
  if (ownHooks(context) === undefined) return [];
  const why = "wait for poststart";
  const signal = slot("signal for poststart");
  const end = (what: Slot | number): Step =>
    call("end it", "pidfd_send_signal", [RUNNER_PIDFD, what, 0, 0], { errors: { ESRCH: "ignore" } });
  return [
    ...forgetSignals("earlier", ENDING),
    ...(isToldBegin(context)
      ? [
          branch(RUNNER_PIDFD, "le", 0, "poststart is over"),
          // The signal was taken while the container ran.
          branch(ABANDONED, "eq", 0, "poststart is not over"),
          end(PARENT_DIED),
          label("poststart is not over"),
          ...waitOrSignal(why, RUNNER_PIDFD, "poststart can be collected"),
          ...takeEnding(why, STOP),
          compute(signal, INTERRUPTED, "sub", 128),
          end(signal),
          jump("poststart is not over"),
          label("poststart can be collected"),
          call(why, "wait4", [RUNNER, 0, __WALL, 0], { errors: { ECHILD: "ignore", EINTR: "retry" } }),
          label("poststart is over"),
          ...forgetSignals("later", 1n << BigInt(PARENT_DIED - 1)),
        ]
      : []),
  ];
}

/** In the launcher, last: of a container that was made, nothing is left. */
export function runPoststop(context: Context): Step[] {
  const { poststop = [] } = ownHooks(context) ?? {};
  if (poststop.length === 0) return [];
  const stopped = stateOf(context, "stopped");
  return [
    branch(MADE, "eq", 0, "poststop is over"),
    ...stopped.steps,
    ...runToEnd("poststop", context, undefined, stopped),
    label("poststop is over"),
    guard(),
  ];
}

/** The exit code of what was undone, as a shell tells of a command that a signal has ended. */
export const codeOfSignal = (context: Context): Step[] =>
  ownHooks(context) === undefined
    ? []
    : [
        branch(INTERRUPTED, "eq", 0, "undone for a failure"),
        set(EXIT_CODE, INTERRUPTED),
        label("undone for a failure"),
      ];
