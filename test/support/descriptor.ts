/** Takes descriptors that are sent over a unix socket, as an engine does. */
import { close } from "../../src/host/fd.ts";
import { createArena, reserve } from "../../src/host/memory.ts";
import { awaitReadable } from "../../src/host/socket.ts";
import { call } from "../../src/host/syscall.ts";

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const CMSG_SPACE = 24;

export interface Receiver extends Disposable {
  /** Waits for a sender and a descriptor. */
  readonly receive: () => number;
  /** True when no other sender waits. */
  readonly isQuiet: () => boolean;
}

/** Listens on a path of less than 108 bytes. */
export function receiver(path: string): Receiver {
  const name = new TextEncoder().encode(path);
  const address = new Uint8Array(new ArrayBuffer(2 + name.length + 1));
  address[0] = AF_UNIX;
  address.set(name, 2);
  const socket = call("make a socket", "socket", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  call(`bind ${path}`, "bind", socket, address, address.length);
  call(`listen on ${path}`, "listen", socket, 4);
  return {
    receive: () => {
      const peer = call("accept", "accept4", socket, 0, 0, SOCK_CLOEXEC);
      const arena = createArena();
      const [byte, vector] = [reserve(arena, 256), reserve(arena, 16)];
      const [control, header] = [reserve(arena, CMSG_SPACE), reserve(arena, 56)];
      const point = (view: DataView, offset: number, to: number) =>
        view.setBigUint64(offset, BigInt(to), true);
      point(vector.view, 0, byte.address);
      point(vector.view, 8, 256);
      point(header.view, 16, vector.address);
      point(header.view, 24, 1);
      point(header.view, 32, control.address);
      point(header.view, 40, CMSG_SPACE);
      const count = call("receive a descriptor", "recvmsg", peer, header.address, MSG_CMSG_CLOEXEC);
      close(peer);
      if (count === 0) throw new Error("the sender has gone");
      // Engines refuse a control message of any other size.
      if (header.view.getUint32(40, true) !== CMSG_SPACE) throw new Error("no single descriptor was sent");
      return control.view.getInt32(16, true);
    },
    isQuiet: () => !awaitReadable(socket, 0),
    [Symbol.dispose]: () => close(socket),
  };
}
