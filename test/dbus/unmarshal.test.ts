import { expect, test } from "bun:test";
import { marshal } from "../../src/dbus/marshal.ts";
import { readAll, readerOf } from "../../src/dbus/unmarshal.ts";
import { TypeMismatch, type Value } from "../../src/dbus/value.ts";
import { CALL_BODY, CALL_SIGNATURE } from "./recorded.ts";

const again = (signature: string, values: readonly Value[]): Value[] =>
  readAll(readerOf(marshal(signature, values)), signature);

test("what was written is read back", () => {
  expect(again(CALL_SIGNATURE, CALL_BODY)).toEqual([...CALL_BODY]);
  const body: Value[] = ["a.scope", "replace", [["PIDs", { signature: "au", value: [1, 2] }]], []];
  expect(again("ssa(sv)a(sa(sv))", body)).toEqual(body);
});

test("bytes that end anywhere before the values do are refused, never read beyond", () => {
  const bytes = marshal(CALL_SIGNATURE, CALL_BODY);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => readAll(readerOf(bytes.slice(0, length)), CALL_SIGNATURE)).toThrow(TypeMismatch);
  }
});

test("a length that nothing could have is refused", () => {
  expect(() => readAll(readerOf(Uint8Array.fromHex("ffffffff61")), "s")).toThrow(TypeMismatch);
  expect(() => readAll(readerOf(Uint8Array.fromHex("ffffffff61")), "ay")).toThrow(TypeMismatch);
});

test("a type that there is not, and a variant of two, are refused", () => {
  expect(() => readAll(readerOf(new Uint8Array(8)), "z")).toThrow("there is no D-Bus type z");
  expect(() => readAll(readerOf(Uint8Array.fromHex("027979000102")), "v")).toThrow("a variant of yy");
});

test("a text that is no UTF-8 is refused as every other value that cannot be of its type", () => {
  expect(() => readAll(readerOf(Uint8Array.fromHex("01000000ff00")), "s")).toThrow(TypeMismatch);
});
