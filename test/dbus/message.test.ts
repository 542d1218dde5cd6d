import { expect, test } from "bun:test";
import { decode, encodeCall, sizeOf } from "../../src/dbus/message.ts";
import { CALL, CALL_BODY, CALL_SIGNATURE, ERROR, HELLO, HELLO_REPLY, SIGNAL } from "./recorded.ts";

test("a call is the one of libdbus", () => {
  const hello = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
  const bytes = encodeCall(1, { ...hello, interface: "org.freedesktop.DBus", member: "Hello" });
  // Fields may stand in any order: libdbus has the destination before the interface.
  expect(bytes.length).toBe(HELLO.length);
  expect(decode(bytes)).toEqual(decode(HELLO));
  expect(bytes.subarray(0, 12).toHex()).toBe(HELLO.subarray(0, 12).toHex());
});

test("a call with a body of every type is the one of libdbus", () => {
  const destination = "org.freedesktop.DBus";
  const call = { destination, path: "/a/b", interface: "a.b", member: "C" };
  const bytes = encodeCall(2, { ...call, signature: CALL_SIGNATURE, body: CALL_BODY });
  expect(decode(bytes)).toEqual(decode(CALL));
  expect(bytes.length).toBe(CALL.length);
});

test("recorded messages of a bus are understood", () => {
  expect(decode(HELLO_REPLY)).toEqual({ kind: "reply", serial: 1, replySerial: 1, body: [":1.0"] });
  expect(decode(SIGNAL)).toEqual({
    kind: "signal",
    serial: 2,
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "NameAcquired",
    body: [":1.0"],
  });
  expect(decode(ERROR)).toEqual({
    kind: "error",
    serial: 3,
    errorName: "org.freedesktop.DBus.Error.UnknownInterface",
    replySerial: 2,
    body: ["org.freedesktop.DBus does not understand message C"],
  });
});

test("the size of a message is known from its first 16 bytes", () => {
  for (const message of [HELLO, HELLO_REPLY, CALL, SIGNAL, ERROR]) {
    expect(sizeOf(message.slice(0, 16))).toBe(message.length);
    expect(sizeOf(message.slice(0, 15))).toBeUndefined();
  }
});

test("what is no message, or longer than any, is refused before it is waited for", () => {
  const changed = (offset: number, value: number): Uint8Array => {
    const bytes = HELLO.slice();
    bytes[offset] = value;
    return bytes;
  };
  expect(() => sizeOf(changed(0, 0x42))).toThrow("no message of D-Bus, version 1, little-endian");
  expect(() => sizeOf(changed(3, 2))).toThrow("no message of D-Bus");
  expect(() => sizeOf(changed(7, 0xff))).toThrow("a message of D-Bus has 4278190");
});

test("a kind of message that is not known yet is passed over", () => {
  const bytes = SIGNAL.slice();
  bytes[1] = 9;
  expect(decode(bytes)).toBeUndefined();
});
