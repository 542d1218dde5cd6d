/** Waiting for descriptors (poll(2)); nothing else of this thread goes on meanwhile. */
import { errnoOf, failed, syscall, syscallError } from "./syscall.ts";

export interface Polled {
  readonly fd: number;
  /** POLLIN and its like. */
  readonly events: number;
}

const POLLFD_SIZE = 8;
const MILLISECOND_NS = 1_000_000;

/** What has happened to each descriptor; all 0 when the time is up, or a signal came. */
export function poll(wanted: readonly Polled[], milliseconds: number): number[] {
  const view = new DataView(new ArrayBuffer(wanted.length * POLLFD_SIZE));
  for (const [index, { fd, events }] of wanted.entries()) {
    view.setInt32(index * POLLFD_SIZE, fd, true);
    view.setInt16(index * POLLFD_SIZE + 4, events, true);
  }
  const whole = Math.max(0, Math.ceil(milliseconds));
  const limit = new BigInt64Array(new ArrayBuffer(16));
  limit[0] = BigInt(Math.floor(whole / 1000));
  limit[1] = BigInt((whole % 1000) * MILLISECOND_NS);
  const [fds, time] = [new Uint8Array(view.buffer), new Uint8Array(limit.buffer)];
  const result = syscall("ppoll", fds, wanted.length, time, 0, 0);
  if (failed(result) && errnoOf(result) !== "EINTR") throw syscallError("wait for descriptors", result);
  return wanted.map((_, index) => (failed(result) ? 0 : view.getInt16(index * POLLFD_SIZE + 6, true)));
}
