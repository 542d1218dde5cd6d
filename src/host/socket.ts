/** Unix sockets. */
import { HutchError } from "../linux/error.ts";
import { O_PATH } from "../linux/fcntl.ts";
import { POLLIN } from "../linux/poll.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
  SUN_PATH_AT,
  SUN_PATH_SIZE,
} from "../linux/socket.ts";
import { close, openIfExists, using } from "./fd.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

/** struct sockaddr_un; an abstract name has its NUL before it, and counts to the end of the address. */
function addressOf(path: string, isAbstract = false): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path);
  if (name.length >= SUN_PATH_SIZE) {
    throw new HutchError({ operation: `connect to ${path}`, errno: "ENAMETOOLONG" });
  }
  const address = new Uint8Array(new ArrayBuffer(SUN_PATH_AT + name.length + 1));
  address[0] = AF_UNIX;
  address.set(name, isAbstract ? SUN_PATH_AT + 1 : SUN_PATH_AT);
  return address;
}

/** A stream socket that is connected to a path or to an abstract name (unix(7)), close-on-exec. */
export function connect(path: string, isAbstract = false): number {
  const address = addressOf(path, isAbstract);
  const socket = call("make a socket", "socket", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const result = syscall("connect", socket, address, address.length);
  if (!failed(result)) return socket;
  close(socket);
  throw syscallError(`connect to ${path}`, result);
}

/** A socket of datagrams, close-on-exec, that has no path yet. */
export const datagramSocket = (): number =>
  call("make a socket", "socket", AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

/** Gives a socket its path, where nobody can open it (ENXIO). */
export function bind(socket: number, path: string): void {
  const address = addressOf(path);
  call(`make the socket ${path}`, "bind", socket, address, address.length);
}

/** "refused": nobody holds the socket of that path; "absent": there is none; "full": it takes no more now. */
export type Reached = "reached" | "refused" | "absent" | "full";

const REACHED: Readonly<Record<string, Reached>> = {
  ECONNREFUSED: "refused",
  ENOENT: "absent",
  ENOTDIR: "absent",
  EAGAIN: "full",
};

function reachedBy(what: string, result: number): Reached {
  if (!failed(result)) return "reached";
  const reached = REACHED[errnoOf(result) ?? ""];
  if (reached === undefined) throw syscallError(what, result);
  return reached;
}

/** Tries something with the address of a path; that of a long one leads through a descriptor. */
function reach(
  path: string,
  what: string,
  attempt: (socket: number, address: Uint8Array) => number,
): Reached {
  if (new TextEncoder().encode(path).length >= SUN_PATH_SIZE) {
    const slash = path.lastIndexOf("/");
    const directory = openIfExists(path.slice(0, slash), O_PATH);
    if (directory === undefined) return "absent";
    return using(directory, () => reach(`/proc/self/fd/${directory}${path.slice(slash)}`, what, attempt));
  }
  const address = addressOf(path);
  return using(datagramSocket(), (socket) => reachedBy(what, attempt(socket, address)));
}

/** Sends a datagram to the socket of a path, and waits for nobody. */
export const sendTo = (path: string, data: Uint8Array): Reached =>
  reach(path, `send to ${path}`, (socket, address) =>
    syscall("sendto", socket, data, data.length, MSG_DONTWAIT, address, address.length),
  );

/** Looks whether somebody has the socket of a path open; whoever does is not told. */
export const probe = (path: string): Reached =>
  reach(path, `connect to ${path}`, (socket, address) => syscall("connect", socket, address, address.length));

/** Waits until there is something to read, or the other end is closed; false when the time is up. */
export function awaitReadable(fd: number, milliseconds: number): boolean {
  const end = performance.now() + milliseconds;
  for (;;) {
    const left = Math.max(0, Math.ceil(end - performance.now()));
    const poll = new DataView(new ArrayBuffer(8));
    poll.setInt32(0, fd, true);
    poll.setInt16(4, POLLIN, true);
    const timeout = new BigInt64Array(new ArrayBuffer(16));
    timeout[0] = BigInt(Math.floor(left / 1000));
    timeout[1] = BigInt((left % 1000) * 1_000_000);
    const ready = syscall("ppoll", new Uint8Array(poll.buffer), 1, new Uint8Array(timeout.buffer), 0, 0);
    if (!failed(ready)) return ready > 0;
    if (errnoOf(ready) !== "EINTR") throw syscallError(`wait for descriptor ${fd}`, ready);
  }
}
