/** Processes by more than their number: a pid is used again, a pid with its start time is not. */

import { close } from "../host/fd.ts";
import { poll } from "../host/poll.ts";
import { errnoOf, failed, syscall, syscallError } from "../host/syscall.ts";
import { POLLIN } from "../linux/poll.ts";
import { statOf } from "./process.ts";

export interface Identity {
  readonly pid: number;
  /** Clock ticks after boot (proc_pid_stat(5), field 22). */
  readonly startTime: string;
}

/** The identity of a process that is there now. */
export function identify(pid: number): Identity | undefined {
  const startTime = statOf(pid)?.startTime;
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while the process lives; a zombie has ended. */
export function isAlive({ pid, startTime }: Identity): boolean {
  const stat = statOf(pid);
  return stat?.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

/**
 * Sends a signal to that very process: the pidfd is opened first and the start time compared then, so that
 * the number cannot pass to another in between. False when the process has ended.
 */
export function signalProcess(identity: Identity, signal: number): boolean {
  const fd = openProcess(identity);
  if (fd === undefined) return false;
  try {
    const result = syscall("pidfd_send_signal", fd, signal, 0, 0);
    if (!failed(result)) return true;
    if (errnoOf(result) === "ESRCH") return false;
    throw syscallError(`send signal ${signal} to ${identity.pid}`, result);
  } finally {
    close(fd);
  }
}

/** A pidfd of that very process, which polls as POLLIN at its end; undefined when it has ended. */
export function openProcess(identity: Identity): number | undefined {
  if (!isAlive(identity)) return undefined;
  const fd = syscall("pidfd_open", identity.pid, 0);
  if (failed(fd)) {
    if (errnoOf(fd) === "ESRCH") return undefined;
    throw syscallError(`open a pidfd of ${identity.pid}`, fd);
  }
  if (isAlive(identity)) return fd;
  close(fd);
  return undefined;
}

/** Waits until the process has ended, at most so many milliseconds; true when it has. */
export function awaitEnd(identity: Identity, milliseconds: number): boolean {
  const fd = openProcess(identity);
  if (fd === undefined) return true;
  try {
    poll([{ fd, events: POLLIN }], milliseconds);
    return !isAlive(identity);
  } finally {
    close(fd);
  }
}
