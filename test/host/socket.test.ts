import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { close, using } from "../../src/host/fd.ts";
import { awaitReadable, connect } from "../../src/host/socket.ts";
import { call } from "../../src/host/syscall.ts";
import { F_GETFD, FD_CLOEXEC } from "../../src/linux/fcntl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Listens on a path as an engine does; what it has heard when the other end is closed. */
function listen(path: string) {
  const heard = Promise.withResolvers<string>();
  let text = "";
  const server = Bun.listen({
    unix: path,
    socket: {
      data: (_, data) => {
        text += data.toString();
      },
      close: () => heard.resolve(text),
    },
  });
  return { heard: heard.promise, [Symbol.dispose]: () => server.stop(true) };
}

test("what is written to the socket is heard by who listens, and no exec inherits it", async () => {
  const path = join(temporaryDirectory("socket"), "grüße");
  using server = listen(path);
  using(connect(path), (socket) => {
    expect(call("flags", "fcntl", socket, F_GETFD)).toBe(FD_CLOEXEC);
    call("write", "write", socket, "hello", 5);
  });
  expect(await server.heard).toBe("hello");
});

test("a path is as long as the kernel takes, and a longer one is refused, not cut", () => {
  const directory = temporaryDirectory("socket");
  const path = (length: number): string => `${directory}/${"x".repeat(length - directory.length - 1)}`;
  using _ = listen(path(107));
  close(connect(path(107)));
  expect(() => connect(path(108))).toThrow("ENAMETOOLONG");
  // Bytes count, not letters.
  expect(() => connect(`/${"ü".repeat(60)}`)).toThrow("ENAMETOOLONG");
});

test("a socket that is missing, or that nobody listens to, is told by its path", () => {
  const path = join(temporaryDirectory("socket"), "nobody");
  expect(() => connect(path)).toThrow(`connect to ${path}: ENOENT`);
  const server = Bun.listen({ unix: path, socket: { data: () => {} } });
  close(connect(path));
  server.stop(true);
  rmSync(path, { force: true });
  expect(() => connect("/dev/null")).toThrow("connect to /dev/null: ECONNREFUSED");
});

test("an abstract name is found without a file", () => {
  const name = `hutch-test-${process.pid}-${Date.now()}`;
  using _ = listen(`\0${name}`);
  close(connect(name, true));
  expect(() => connect(`${name}-nobody`, true)).toThrow("ECONNREFUSED");
});

test("a descriptor is readable when something comes, and waited for no longer than asked", async () => {
  const path = join(temporaryDirectory("socket"), "answer");
  const server = Bun.listen({ unix: path, socket: { data: (socket) => void socket.write("yes") } });
  const socket = connect(path);
  try {
    expect(awaitReadable(socket, 20)).toBe(false);
    call("write", "write", socket, "hello", 5);
    await Bun.sleep(50);
    expect(awaitReadable(socket, 1000)).toBe(true);
  } finally {
    close(socket);
    server.stop(true);
  }
});
