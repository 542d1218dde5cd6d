/** Waiting for a child: signals are passed on to it, and its end becomes an exit code. */
import { SIGNALS } from "../linux/signal.ts";
import { __WALL, WNOHANG } from "../linux/wait.ts";
import { branch, buffer, call, compute, guard, jump, label, load, set, slot, struct } from "./build.ts";
import { TAKEN } from "./signal.ts";
import type { Slot, Step } from "./step.ts";
import { SIGSET_SIZE, signalSet } from "./struct.ts";

/** The exit code of timeout(1) for a command that took too long. */
const TIMED_OUT = 124;
/** Seconds between SIGTERM and SIGKILL once the time is up. */
const GRACE = 2;
const ITIMER_REAL = 0;
const SIGNAL = slot("signal");
/** How often the clock of --timeout has rung. */
export const ALARMS = slot("alarms");
/** 1 once the child was ended because nobody is there any more for whom it ran. */
export const ABANDONED = slot("nobody waits");
export const EXIT_CODE = slot("exit code");
/** struct rusage of the child that was waited for, where its supervisor asks for that. */
export const USAGE = buffer("rusage", 144);
/** How the child ended, as wait(2) tells. */
export const WAIT_STATUS = slot("status");

/** Starts the clock of --timeout; the second alarm comes after the grace. */
export const startClock = (seconds: number): Step[] => {
  if (seconds === 0) return [];
  // Never 0, which would stop the clock instead.
  const micros = Math.max(1, Math.round(seconds * 1e6));
  const timer = struct("itimerval", [
    ["it_interval.tv_sec", 8, GRACE],
    ["it_interval.tv_usec", 8, 0],
    ["it_value.tv_sec", 8, Math.floor(micros / 1e6)],
    ["it_value.tv_usec", 8, micros % 1e6],
  ]);
  return [call(`end the container after ${seconds} s`, "setitimer", [ITIMER_REAL, timer, 0])];
};

/** How a signal reaches the child: by pidfd from outside, by its pid from the init above it. */
export interface Child {
  readonly pid: Slot;
  readonly pidfd: Slot | undefined;
  /** A signal that is not passed on, but ends the child at once. */
  readonly endedBy?: number;
  /** What it has used is left in USAGE. */
  readonly isMeasured?: boolean;
}

const send = (why: string, { pid, pidfd }: Child, signal: Slot | number): Step =>
  pidfd === undefined
    ? call(why, "kill", [pid, signal], { errors: { ESRCH: "ignore", EPERM: "ignore" } })
    : call(why, "pidfd_send_signal", [pidfd, signal, 0, 0], { errors: { ESRCH: "ignore", EPERM: "ignore" } });

/**
 * A signal has been taken into `SIGNAL`: passes it on, unless it is the alarm of --timeout; ends with a
 * jump.
 */
function passOn(child: Child, timeout: number, next: string): Step[] {
  const why = "pass the signal on to the container";
  const end =
    child.endedBy === undefined
      ? []
      : [
          branch(SIGNAL, "ne", child.endedBy, `${next}: other signal`),
          set(ABANDONED, 1),
          send("the parent has died: end the container", child, SIGNALS.SIGKILL),
          jump(next),
          label(`${next}: other signal`),
        ];
  if (timeout === 0) return [...end, send(why, child, SIGNAL), jump(next)];
  return [
    ...end,
    branch(SIGNAL, "eq", SIGNALS.SIGALRM, `${next}: alarm`),
    send(why, child, SIGNAL),
    jump(next),
    label(`${next}: alarm`),
    compute(ALARMS, ALARMS, "add", 1),
    branch(ALARMS, "gt", 1, `${next}: grace is over`),
    send(`the time is up: ask the container to end`, child, SIGNALS.SIGTERM),
    jump(next),
    label(`${next}: grace is over`),
    send(`the container has had ${GRACE} s to end`, child, SIGNALS.SIGKILL),
    jump(next),
  ];
}

/** `status` of wait4 as a shell gives it: the code, or 128 + the number of the signal (POSIX XCU 2.8.2). */
export function toExitCode(status: Slot, done: string): Step[] {
  const signal = slot("signal of status");
  return [
    compute(EXIT_CODE, status, "shr", 8),
    compute(EXIT_CODE, EXIT_CODE, "and", 0xff),
    compute(signal, status, "and", 0x7f),
    branch(signal, "eq", 0, done),
    compute(EXIT_CODE, signal, "add", 128),
    label(done),
  ];
}

/**
 * After a failure of its maker: no half-made child stays behind. One that was not made has no number; where
 * the cgroup has refused it (pids.max), the kernel has written a pidfd all the same.
 */
export const endChild = (pid: Slot, pidfd: Slot): Step[] => [
  guard(),
  branch(pid, "le", 0, "no child"),
  branch(pidfd, "le", 0, "no child"),
  call("end the half-made process", "pidfd_send_signal", [pidfd, SIGNALS.SIGKILL, 0, 0], {
    errors: { ESRCH: "ignore" },
  }),
  call("collect the half-made process", "wait4", [pid, 0, __WALL, 0], {
    errors: { ECHILD: "ignore", EINTR: "retry" },
  }),
  label("no child"),
];

const STATUS = buffer("wait status", 8);

/**
 * After SIGCHLD: goes on at `next` while the child lives; else leaves its exit code in `EXIT_CODE` and falls
 * through.
 */
export function collect(
  child: Child,
  timeout: number,
  next: string,
  whose: number | Slot = child.pid,
): Step[] {
  const ended = slot("ended");
  const status = WAIT_STATUS;
  const again = `${next}: collect`;
  return [
    label(again),
    call("collect what has ended", "wait4", [whose, STATUS, WNOHANG | __WALL, child.isMeasured ? USAGE : 0], {
      into: ended,
      errors: { ECHILD: { to: next }, EINTR: "retry" },
    }),
    branch(ended, "eq", 0, next),
    // Orphans are reaped, and the look goes on until nobody is left to collect.
    ...(whose === child.pid
      ? []
      : [branch(ended, "eq", child.pid, `${next}: main`), jump(again), label(`${next}: main`)]),
    load(status, STATUS, 0, 4),
    ...toExitCode(status, `${next}: exited`),
    ...(timeout === 0
      ? []
      : [branch(ALARMS, "eq", 0, `${next}: in time`), set(EXIT_CODE, TIMED_OUT), label(`${next}: in time`)]),
  ];
}

/**
 * One signal that was taken: SIGCHLD collects, the rest is passed on. Falls through once the child has
 * ended.
 */
export function handle(child: Child, timeout: number, next: string, whose?: number): Step[] {
  return [
    branch(SIGNAL, "eq", SIGNALS.SIGCHLD, `${next}: child`),
    ...passOn(child, timeout, next),
    label(`${next}: child`),
    ...collect(child, timeout, next, whose ?? child.pid),
  ];
}

/** Takes signals until the child has ended; its exit code is then in `EXIT_CODE`. */
export const superviseChild = (child: Child, timeout: number, tag: string, whose?: number): Step[] => [
  label(tag),
  call(
    "wait for a signal, or for the end of the container",
    "rt_sigtimedwait",
    [signalSet(TAKEN), 0, 0, SIGSET_SIZE],
    { into: SIGNAL, errors: { EINTR: "retry" } },
  ),
  ...handle(child, timeout, tag, whose),
];

export { SIGNAL };
