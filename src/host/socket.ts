/** Unix sockets. */
import { HutchError } from "../linux/error.ts";
import { call } from "./syscall.ts";

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
/** sizeof(sun_path) of struct sockaddr_un, with its NUL (unix(7)). */
const LONGEST_PATH = 108;

/** A stream socket that is connected to a path, close-on-exec. */
export function connect(path: string): number {
  const name = new TextEncoder().encode(path);
  if (name.length >= LONGEST_PATH) {
    throw new HutchError({ operation: `connect to ${path}`, errno: "ENAMETOOLONG" });
  }
  const address = new Uint8Array(new ArrayBuffer(2 + name.length + 1));
  address[0] = AF_UNIX;
  address.set(name, 2);
  const socket = call("make a socket", "socket", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  call(`connect to ${path}`, "connect", socket, address, address.length);
  return socket;
}
