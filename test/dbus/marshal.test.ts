import { expect, test } from "bun:test";
import { marshal } from "../../src/dbus/marshal.ts";
import { TypeMismatch, type Value } from "../../src/dbus/value.ts";
import { CALL, CALL_BODY, CALL_SIGNATURE } from "./recorded.ts";

const BODY_SIZE = 0x94;

test("values become the bytes that libdbus makes of them", () => {
  const body = CALL.subarray(CALL.length - BODY_SIZE);
  expect(marshal(CALL_SIGNATURE, CALL_BODY).toHex()).toBe(body.toHex());
});

/** [signature, value, bytes in hexadecimal], by the examples of the specification and by hand. */
const ROWS: readonly (readonly [string, Value, string])[] = [
  ["y", 255, "ff"],
  ["b", false, "00000000"],
  ["u", 1, "01000000"],
  ["i", -1, "ffffffff"],
  ["t", "18446744073709551615", "ffffffffffffffff"],
  ["x", "-1", "ffffffffffffffff"],
  ["s", "foo", "03000000666f6f00"],
  ["g", "a(sv)", "05612873762900"],
  // The padding before the first element is not part of the length.
  ["ax", [5], "08000000000000000500000000000000"],
  ["ax", [], "0000000000000000"],
  ["a(ss)", [], "0000000000000000"],
  ["(yu)", [1, 2], "0100000002000000"],
  ["v", { signature: "au", value: [7] }, "026175000400000007000000"],
  ["a{sv}", [["k", { signature: "y", value: 9 }]], "0a00000000000000010000006b0001790009"],
];

for (const [signature, value, hex] of ROWS) {
  test(`${signature} of ${JSON.stringify(value)}`, () => {
    expect(marshal(signature, [value]).toHex()).toBe(hex);
  });
}

const WRONG: readonly (readonly [string, Value])[] = [
  ["y", 256],
  ["y", -1],
  ["n", 32768],
  ["u", 2 ** 32],
  ["u", 1.5],
  ["u", "1e3"],
  ["t", -1n],
  ["b", 1],
  ["s", 1],
  ["s", "a\0b"],
  ["s", "\ud800"],
  ["d", "1"],
  ["as", "a"],
  ["(ss)", ["a"]],
  ["v", "a"],
  ["z", "a"],
  ["(ss", ["a", "b"]],
];

for (const [signature, value] of WRONG) {
  test(`${signature} does not take ${JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}n` : each))}`, () => {
    expect(() => marshal(signature, [value])).toThrow(TypeMismatch);
  });
}

test("as many values as types are expected", () => {
  expect(() => marshal("ss", ["a"])).toThrow("expected a value of the D-Bus type ss, received 1 values");
});
