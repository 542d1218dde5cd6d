import { expect, test } from "bun:test";
import { socketsOf } from "../../src/dbus/address.ts";

const path = (name: string) => ({ path: name, isAbstract: false });

test("unix sockets are taken from a list of addresses, in its order", () => {
  expect(socketsOf("unix:path=/run/user/1000/bus")).toEqual([path("/run/user/1000/bus")]);
  expect(socketsOf("unix:path=/a,guid=123;unix:guid=4,path=/b")).toEqual([path("/a"), path("/b")]);
  expect(socketsOf("unix:abstract=/tmp/dbus-x=y,guid=1")).toEqual([
    { path: "/tmp/dbus-x=y", isAbstract: true },
  ]);
});

test("escaped bytes are bytes", () => {
  expect(socketsOf("unix:path=/tmp/a%20b%2cgr%c3%bc")).toEqual([path("/tmp/a b,grü")]);
});

test("other transports, and what is no address, are passed over", () => {
  for (const text of [
    "",
    "tcp:host=a",
    "unix:",
    "unix:path=",
    "unix:path=/%zz",
    "unix:runtime=yes",
    "launchd:",
  ]) {
    expect(socketsOf(text)).toEqual([]);
  }
  expect(socketsOf("tcp:host=a;unix:path=/b")).toEqual([path("/b")]);
});
