/** Pipes (pipe(7)). */
import { O_CLOEXEC } from "../linux/fcntl.ts";
import { call } from "./syscall.ts";

export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Both ends of a new pipe, close-on-exec; `what` it is for, in words. */
export function makePipe(what: string): Pipe {
  const pair = new Int32Array(new ArrayBuffer(8));
  call(`make a pipe ${what}`, "pipe2", new Uint8Array(pair.buffer), O_CLOEXEC);
  const [read = -1, write = -1] = pair;
  return { read, write };
}
