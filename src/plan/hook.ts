/**
 * Hooks that the program runs itself (OCI config.md, "POSIX-platform Hooks"), one after the other: in init,
 * inside the container's namespaces, createContainer before the root is entered, and startContainer before
 * the exec; where no hutch lives beside the program, the others too (see own-hooks.ts).
 */

import { O_CLOEXEC, O_NONBLOCK } from "../linux/fcntl.ts";
import { POLLIN } from "../linux/poll.ts";
import { CLONE_PIDFD } from "../linux/sched.ts";
import { SIG_SETMASK, SIGNALS } from "../linux/signal.ts";
import { __WALL } from "../linux/wait.ts";
import type { Hook } from "../spec/spec.ts";
import {
  address,
  branch,
  buffer,
  call,
  compute,
  guard,
  jump,
  label,
  load,
  set,
  slot,
  store,
  strings,
} from "./build.ts";
import { STATE_END, STATE_SIZE } from "./creator-control.ts";
import { closeAtExec } from "./exec.ts";
import type { Buffer, Call, Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs, SIGSET_SIZE, signalSet, timespec } from "./struct.ts";

export const STATE = buffer("state", STATE_SIZE);
export const STATE_LENGTH = slot("state length");

const CHILD = slot("hook");
const STATUS = buffer("hook status", 8);
const PIPE = buffer("hook pipe", 8);
const [READ_END, WRITE_END] = [slot("hook stdin"), slot("hook stdin, our end")] as const;
const PIDFD = slot("hook pidfd");
const POLL = buffer("hook pollfd", 8);
const NO_SIGNAL = 0n;

/** Reads what hutch sends into the state; its length is 0 when hutch has died. */
export function receiveState(why: string, descriptor: number | Slot): Step[] {
  const [place, rest, got, last] = [
    slot("rest of the state"),
    slot("room"),
    slot("received"),
    slot("last byte"),
  ];
  const [more, died, done] = [`${why}: more`, `${why}: nobody`, `${why}: done`];
  return [
    set(STATE_LENGTH, 0),
    label(more),
    set(place, STATE),
    compute(place, place, "add", STATE_LENGTH),
    compute(rest, STATE_SIZE, "sub", STATE_LENGTH),
    call(why, "read", [descriptor, place, rest], { into: got, errors: { EINTR: "retry" } }),
    branch(got, "eq", 0, died),
    compute(STATE_LENGTH, STATE_LENGTH, "add", got),
    compute(place, place, "add", got),
    compute(place, place, "sub", 1),
    load(last, place, 0, 1),
    branch(last, "ne", STATE_END.charCodeAt(0), more),
    jump(done),
    label(died),
    set(STATE_LENGTH, 0),
    label(done),
  ];
}

/**
 * In the hook's process: standard input is the pipe, the environment exactly what the hook has
 * (CVE-2025-23266), and no descriptor is init's: what a hook leaves behind must not hold them.
 */
function hookProcess(
  why: string,
  key: string,
  hook: Hook,
  { directory, isSession, enter, find }: HookOptions,
): Step[] {
  const special: Pick<Call, "exitCode"> = { exitCode: 1 };
  const { path, args, env } = hook;
  const found: Omit<Found, "told"> = find?.(path) ?? { steps: [], path };
  return [
    guard(),
    isSession ? call(why, "setsid", [], special) : call(why, "setpgid", [0, 0], special),
    ...(directory === undefined ? [] : [call(why, "fchdir", [directory], special)]),
    ...(enter?.(why, key) ?? []),
    call(why, "dup3", [READ_END, 0, 0], special),
    call(why, "rt_sigprocmask", [SIG_SETMASK, signalSet(NO_SIGNAL), 0, SIGSET_SIZE], special),
    closeAtExec(0),
    ...found.steps,
    call(why, "execve", [found.path, strings(args?.length ? args : [path]), strings(env ?? [])], special),
  ];
}

/** The umask of the caller, while that of init is 0. */
export const CALLERS_UMASK = slot("caller's umask");

/** For hooks of that time: what they write on the host would be anybody's to write. */
export const withUmask: Pick<HookOptions, "enter"> = {
  enter: (why) => [call(why, "umask", [CALLERS_UMASK], { exitCode: 1 })],
};

/** Ends every process of the group that the hook leads. */
function endGroup(why: string): Step[] {
  const group: Slot = slot("hook group");
  return [
    set(group, 0),
    compute(group, group, "sub", CHILD),
    call(why, "kill", [group, SIGNALS.SIGKILL], { errors: { ESRCH: "ignore" } }),
  ];
}

/** Waits for the hook; after its time the whole group is ended, so that no grandchild goes on. */
function awaitHook(why: string, key: string, { timeout }: Hook, stop: Stop | undefined): Step[] {
  const collect = call(why, "wait4", [CHILD, STATUS, __WALL, 0], { errors: { EINTR: "retry" } });
  if (stop !== undefined) return [...awaitHookOrStop(why, key, timeout, stop), collect];
  if (timeout === undefined) return [collect];
  const ended: Slot = slot("hook ended");
  return [
    store(POLL, 0, 4, PIDFD),
    store(POLL, 4, 4, POLLIN),
    // The pidfd and not SIGCHLD, which also tells of a hook that has stopped, and of an earlier one.
    call(`${why}: wait at most ${timeout} s`, "ppoll", [POLL, 1, timespec(timeout, 0), 0, 0], {
      into: ended,
      errors: { EINTR: "retry" },
    }),
    branch(ended, "gt", 0, `${key} ended`),
    ...endGroup(`${why}: its time is up`),
    label(`${key} ended`),
    collect,
  ];
}

/** struct pollfd × 3: the hook, signals, init. */
const POLL_ALL = buffer("hook pollfds", 24);
const REVENTS = 6;
const [OF_HOOK, OF_SIGNALS, OF_INIT] = [0, 8, 16];

/** The same, and until a signal comes, or the container has ended for which the hook ran. */
function awaitHookOrStop(why: string, key: string, timeout: number | undefined, stop: Stop): Step[] {
  const said = slot("hook ended");
  const files: (readonly [number, Slot])[] = [
    [OF_HOOK, PIDFD],
    [OF_SIGNALS, stop.file],
    ...(stop.init === undefined ? [] : [[OF_INIT, stop.init.pidfd] as const]),
  ];
  const limit = timeout === undefined ? 0 : timespec(timeout, 0);
  const within = timeout === undefined ? "" : `, at most ${timeout} s`;
  // A filter of system calls that is in force already may not know of it.
  const refused = { to: `${key} ended` };
  return [
    ...files.flatMap(([at, file]) => [store(POLL_ALL, at, 4, file), store(POLL_ALL, at + 4, 4, POLLIN)]),
    call(
      `${why}: wait for its end, or for a signal${within}`,
      "ppoll",
      [POLL_ALL, files.length, limit, 0, 0],
      {
        errors: {
          EINTR: "retry",
          ...(stop.isFiltered && timeout === undefined
            ? { EPERM: refused, EACCES: refused, ENOSYS: refused }
            : {}),
        },
      },
    ),
    load(said, POLL_ALL, OF_HOOK + REVENTS, 2),
    branch(said, "ne", 0, `${key} ended`),
    ...endGroup(`${why}: end it`),
    // Who has not come to have a group of its own yet.
    call(`${why}: end it`, "pidfd_send_signal", [PIDFD, SIGNALS.SIGKILL, 0, 0], {
      errors: { ESRCH: "ignore" },
    }),
    label(`${key} ended`),
  ];
}

const INFORMATION = buffer("signal to the hooks", 128);

/** Takes the signal that is there; the exit code of whoever it ends is left in `INTERRUPTED`. */
export const takeEnding = (why: string, file: Slot): Step[] => [
  call(why, "read", [file, INFORMATION, 128], { errors: { EINTR: "retry" } }),
  load(INTERRUPTED, INFORMATION, 0, 4),
  compute(INTERRUPTED, INTERRUPTED, "add", 128),
];

/** A hook that was not ended well: was it a signal to this program that ended it, or the container's end? */
function judgeStop(why: string, key: string, { file, init, what }: Stop): Step[] {
  const said = slot("hook ended");
  return [
    ...(init === undefined
      ? []
      : [load(said, POLL_ALL, OF_INIT + REVENTS, 2), branch(said, "ne", 0, init.ended)]),
    load(said, POLL_ALL, OF_SIGNALS + REVENTS, 2),
    branch(said, "eq", 0, `${key} was not interrupted`),
    ...takeEnding(`${why}: take the signal`, file),
    { kind: "fail", message: `${why}: ended by a signal${what}` },
    label(`${key} was not interrupted`),
  ];
}

/** What ends a hook before its time. */
export interface Stop {
  /** A descriptor of signals (signalfd(2)); one below 0 tells of none. */
  readonly file: Slot;
  /** The process that the hook runs for, and where the plan goes on when it has ended. */
  readonly init?: { readonly pidfd: Slot; readonly ended: string };
  /** What a signal has so kept from happening, for the message. */
  readonly what: string;
  /** A filter of system calls may be in force. */
  readonly isFiltered?: boolean;
}

/** 128 and the number of the signal that ended what was being made; 0 else. */
export const INTERRUPTED = slot("ended by a signal");

/** The file of a hook, as the kernel is told of it, when these steps are done, and as people are. */
interface Found {
  readonly steps: readonly Step[];
  readonly path: string | Buffer;
  readonly told: string;
}

export interface HookOptions {
  /** Where the plan goes on when a hook fails. */
  readonly failure?: string;
  /** Where hooks start, instead of init's own directory. */
  readonly directory?: Slot;
  /** Hooks have a session of their own, and not a group alone. */
  readonly isSession?: boolean;
  /** What a hook's process does more, before it is the hook's; `key` is unique within the plan. */
  readonly enter?: (why: string, key: string) => readonly Step[];
  /** Where the running program finds the file of a hook. */
  readonly find?: (path: string) => Found;
  /** Writes the state, as one call, and its length; what was received when absent. */
  readonly state?: {
    readonly write: (why: string, to: Slot, special: Pick<Call, "into" | "errors">) => Step;
    readonly length: Slot;
  };
  readonly stop?: Stop;
}

/** Runs one hook; a failure of it is a failure of who runs it. `index` is its number among those of its kind. */
export function runHook(kind: string, hook: Hook, index: number, options: HookOptions): Step[] {
  const { failure, state, stop } = options;
  const why = `run the ${kind} hook ${options.find?.(hook.path).told ?? hook.path}`;
  const key = `${kind} hook ${index}`;
  const status = slot("hook wait status");
  const written = slot("state written");
  return [
    // A pipe is smaller for a user who has many: that must not keep init waiting for a reader.
    call(why, "pipe2", [PIPE, O_CLOEXEC | O_NONBLOCK]),
    load(READ_END, PIPE, 0, 4),
    load(WRITE_END, PIPE, 4, 4),
    // Before there is a hook, which need not read its input (EPIPE, SIGPIPE).
    state === undefined
      ? call(why, "write", [WRITE_END, STATE, STATE_LENGTH], { into: written })
      : state.write(why, WRITE_END, { into: written }),
    branch(written, "eq", state?.length ?? STATE_LENGTH, `${key} has its input`),
    {
      kind: "fail",
      message: `${why}: the state does not fit into a pipe: /proc/sys/fs/pipe-user-pages-soft`,
    },
    label(`${key} has its input`),
    call(why, "close", [WRITE_END]),
    call(
      why,
      "clone3",
      [cloneArgs({ flags: CLONE_PIDFD, pidfd: address(PIDFD), exitSignal: 0 }), CLONE_ARGS_SIZE],
      {
        into: CHILD,
      },
    ),
    branch(CHILD, "ne", 0, `${key} runs`),
    ...hookProcess(why, key, hook, options),
    label(`${key} runs`),
    guard(failure),
    call(why, "close", [READ_END]),
    ...awaitHook(why, key, hook, stop),
    call(why, "close", [PIDFD]),
    load(status, STATUS, 0, 4),
    branch(status, "eq", 0, `${key} succeeded`),
    ...(stop === undefined ? [] : judgeStop(why, key, stop)),
    { kind: "fail", message: `${why}: it failed or took too long` },
    label(`${key} succeeded`),
  ];
}

/** Runs the hooks of one kind in their order. */
export const runHooks = (
  kind: string,
  hooks: readonly Hook[] | undefined,
  options: HookOptions = {},
): Step[] => (hooks ?? []).flatMap((hook, index) => runHook(kind, hook, index, options));
