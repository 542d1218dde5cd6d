/** Unix sockets. */
import { HutchError } from "../linux/error.ts";
import { POLLIN } from "../linux/poll.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
/** sizeof(sun_path) of struct sockaddr_un, with its NUL (unix(7)). */
const LONGEST_PATH = 108;

/** A stream socket that is connected to a path or to an abstract name (unix(7)), close-on-exec. */
export function connect(path: string, isAbstract = false): number {
  const name = new TextEncoder().encode(path);
  if (name.length >= LONGEST_PATH) {
    throw new HutchError({ operation: `connect to ${path}`, errno: "ENAMETOOLONG" });
  }
  const address = new Uint8Array(new ArrayBuffer(2 + name.length + 1));
  address[0] = AF_UNIX;
  // An abstract name has its NUL before it, and counts to the end of the address.
  address.set(name, isAbstract ? 3 : 2);
  const socket = call("make a socket", "socket", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  const result = syscall("connect", socket, address, address.length);
  if (!failed(result)) return socket;
  syscall("close", socket);
  throw syscallError(`connect to ${path}`, result);
}

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
