import { afterAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openConnection } from "../../src/dbus/connection.ts";
import { eventually } from "../support/patience.ts";
import { lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const lacksBus = lacksProgram("dbus-daemon");
const path = join(temporaryDirectory("dbus"), "bus");
/** A bus of the test's own; undefined where there is none to be had. */
async function startBus(socket: string) {
  if (lacksBus !== undefined) return undefined;
  const command = ["dbus-daemon", "--session", "--nofork", `--address=unix:path=${socket}`];
  const daemon = Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
  await eventually(() => existsSync(socket), 5_000);
  return daemon;
}

const daemon = await startBus(path);

afterAll(async () => {
  daemon?.kill();
  await daemon?.exited;
});

const name = "org.freedesktop.DBus";
const BUS = { destination: name, path: "/org/freedesktop/DBus", interface: name };

testUnless(lacksBus)("a bus takes us for who the kernel says we are, and answers", () => {
  const connection = openConnection({ path, isAbstract: false });
  try {
    const hello = connection.call({ ...BUS, member: "Hello" });
    expect(hello).toEqual({ body: [expect.stringMatching(/^:1\.\d+$/)] });
    const who = connection.call({ ...BUS, member: "GetConnectionUnixUser", signature: "s", body: [name] });
    expect(who).toEqual({ body: [process.getuid?.() ?? -1] });
    // It came before the answer to another call, and is kept.
    const acquired = connection.awaitSignal(({ member }) => member === "NameAcquired", 1_000);
    expect(acquired?.body).toEqual("body" in hello ? hello.body : []);
  } finally {
    connection.close();
  }
});

testUnless(lacksBus)(
  "an error is told by its name and text, and a body of a wrong type before it is sent",
  () => {
    const connection = openConnection({ path, isAbstract: false });
    try {
      connection.call({ ...BUS, member: "Hello" });
      expect(connection.call({ ...BUS, member: "Nothing" })).toEqual({
        error: "org.freedesktop.DBus.Error.UnknownMethod",
        text: "org.freedesktop.DBus does not understand message Nothing",
      });
      const wrong = () => connection.call({ ...BUS, member: "AddMatch", signature: "u", body: ["x"] });
      expect(wrong).toThrow(
        "org.freedesktop.DBus.AddMatch: expected a value of the D-Bus type u, received x",
      );
      expect("body" in connection.call({ ...BUS, member: "GetId" })).toBe(true);
    } finally {
      connection.close();
    }
  },
);

testUnless(lacksBus)("a signal that does not come is not waited for longer than asked", () => {
  const connection = openConnection({ path, isAbstract: false });
  try {
    connection.call({ ...BUS, member: "Hello" });
    const before = performance.now();
    expect(connection.awaitSignal(({ member }) => member === "JobRemoved", 50)).toBeUndefined();
    expect(performance.now() - before).toBeGreaterThan(40);
  } finally {
    connection.close();
  }
});

testUnless(lacksBus)("a bus that ends is told by its path", async () => {
  const second = await startBus(`${path}.second`);
  const connection = openConnection({ path: `${path}.second`, isAbstract: false });
  try {
    connection.call({ ...BUS, member: "Hello" });
    second?.kill("SIGKILL");
    await second?.exited;
    expect(() => connection.call({ ...BUS, member: "GetId" })).toThrow(`${path}.second: EPIPE`);
    const signal = () => connection.awaitSignal(({ member }) => member === "JobRemoved", 1_000);
    expect(signal).toThrow(`talk to ${path}.second: it closed the connection`);
  } finally {
    connection.close();
  }
});

testUnless(lacksBus)("a path without a listener is told as such", () => {
  expect(() => openConnection({ path: `${path}.none`, isAbstract: false })).toThrow(
    `connect to ${path}.none: ENOENT`,
  );
});
