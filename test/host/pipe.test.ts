import { expect, test } from "bun:test";
import { close, read, write } from "../../src/host/fd.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { call } from "../../src/host/syscall.ts";
import { F_GETFD, FD_CLOEXEC } from "../../src/linux/fcntl.ts";

test("what is written to one end is read from the other, and no exec inherits them", () => {
  const pipe = makePipe("for a test");
  for (const fd of [pipe.read, pipe.write]) expect(call("flags", "fcntl", fd, F_GETFD)).toBe(FD_CLOEXEC);
  write(pipe.write, new Uint8Array([7]));
  close(pipe.write);
  const bytes = new Uint8Array(new ArrayBuffer(4));
  expect([read(pipe.read, bytes), bytes[0], read(pipe.read, bytes)]).toEqual([1, 7, 0]);
  close(pipe.read);
});
