/**
 * Hooks that run inside the container's namespaces (OCI config.md, "POSIX-platform Hooks"): createContainer,
 * before the root is entered, and startContainer, before the exec. Init runs them itself, one after the
 * other; hutch sends the state for their standard input.
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
import type { Call, Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs, SIGSET_SIZE, signalSet, timespec } from "./struct.ts";

const STATE = buffer("state", STATE_SIZE);
export const STATE_LENGTH = slot("state length");

const CHILD = slot("hook");
const STATUS = buffer("hook status", 8);
const PIPE = buffer("hook pipe", 8);
const [READ_END, WRITE_END] = [slot("hook stdin"), slot("hook stdin, our end")] as const;
const PIDFD = slot("hook pidfd");
const POLL = buffer("hook pollfd", 8);
const NO_SIGNAL = 0n;

/** Reads what hutch sends into the state; its length is 0 when hutch has died. */
export function receiveState(why: string, descriptor: number): Step[] {
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
function hookProcess(why: string, { path, args, env }: Hook, directory: Slot | undefined): Step[] {
  const special: Pick<Call, "exitCode"> = { exitCode: 1 };
  return [
    guard(),
    call(why, "setpgid", [0, 0], special),
    ...(directory === undefined ? [] : [call(why, "fchdir", [directory], special)]),
    call(why, "dup3", [READ_END, 0, 0], special),
    call(why, "rt_sigprocmask", [SIG_SETMASK, signalSet(NO_SIGNAL), 0, SIGSET_SIZE], special),
    closeAtExec(0),
    call(why, "execve", [path, strings(args?.length ? args : [path]), strings(env ?? [])], special),
  ];
}

/** Waits for the hook; after its time the whole group is ended, so that no grandchild goes on. */
function awaitHook(why: string, key: string, timeout: number | undefined): Step[] {
  const collect = call(why, "wait4", [CHILD, STATUS, __WALL, 0], { errors: { EINTR: "retry" } });
  if (timeout === undefined) return [collect];
  const ended: Slot = slot("hook ended");
  const group: Slot = slot("hook group");
  return [
    store(POLL, 0, 4, PIDFD),
    store(POLL, 4, 4, POLLIN),
    // The pidfd and not SIGCHLD, which also tells of a hook that has stopped, and of an earlier one.
    call(`${why}: wait at most ${timeout} s`, "ppoll", [POLL, 1, timespec(timeout, 0), 0, 0], {
      into: ended,
      errors: { EINTR: "retry" },
    }),
    branch(ended, "gt", 0, `${key} ended`),
    set(group, 0),
    compute(group, group, "sub", CHILD),
    call(`${why}: its time is up`, "kill", [group, SIGNALS.SIGKILL], { errors: { ESRCH: "ignore" } }),
    label(`${key} ended`),
    collect,
  ];
}

interface HookOptions {
  /** Where the plan goes on when a hook fails. */
  readonly failure?: string;
  /** Where hooks start, instead of init's own directory. */
  readonly directory?: Slot;
}

/** Runs one hook; a failure of it is a failure of init. */
function runHook(kind: string, hook: Hook, index: number, { failure, directory }: HookOptions): Step[] {
  const why = `run the ${kind} hook ${hook.path}`;
  const key = `${kind} hook ${index}`;
  const status = slot("hook wait status");
  const written = slot("state written");
  return [
    // A pipe is smaller for a user who has many: that must not keep init waiting for a reader.
    call(why, "pipe2", [PIPE, O_CLOEXEC | O_NONBLOCK]),
    load(READ_END, PIPE, 0, 4),
    load(WRITE_END, PIPE, 4, 4),
    // Before there is a hook, which need not read its input (EPIPE, SIGPIPE).
    call(why, "write", [WRITE_END, STATE, STATE_LENGTH], { into: written }),
    branch(written, "eq", STATE_LENGTH, `${key} has its input`),
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
    ...hookProcess(why, hook, directory),
    label(`${key} runs`),
    guard(failure),
    call(why, "close", [READ_END]),
    ...awaitHook(why, key, hook.timeout),
    call(why, "close", [PIDFD]),
    load(status, STATUS, 0, 4),
    branch(status, "eq", 0, `${key} succeeded`),
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
