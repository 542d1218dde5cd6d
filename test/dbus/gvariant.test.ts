import { expect, test } from "bun:test";
import { parseVariant } from "../../src/dbus/gvariant.ts";
import { TypeMismatch, type Value } from "../../src/dbus/value.ts";

const ROWS: readonly (readonly [text: string, signature: string, value: Value])[] = [
  ["true", "b", true],
  [" false ", "b", false],
  ["5", "i", "5"],
  ["-0x10", "i", "-16"],
  ["+7", "i", "7"],
  ["2.5", "d", 2.5],
  ["1e3", "d", 1000],
  ["uint64 18446744073709551615", "t", "18446744073709551615"],
  ["uint32 5", "u", "5"],
  ["int64 -9", "x", "-9"],
  ["byte 0xff", "y", "255"],
  ["double 3", "d", 3],
  ["@t 8", "t", "8"],
  ["'inactive-or-failed'", "s", "inactive-or-failed"],
  ['"a\'b"', "s", "a'b"],
  ["'a\\'b\\n\\u00fc\\\\'", "s", "a'b\nü\\"],
  ["objectpath '/a'", "o", "/a"],
  ["b'ab'", "ay", [97, 98, 0]],
  ["['a', 'b']", "as", ["a", "b"]],
  ["['a',]", "as", ["a"]],
  ["[1, 2]", "ai", ["1", "2"]],
  ["[uint32 1, 2]", "au", ["1", "2"]],
  ["[1, uint64 2]", "at", ["1", "2"]],
  ["@as []", "as", []],
  ["@au [1, 2]", "au", ["1", "2"]],
  ["[['a'], ['b']]", "aas", [["a"], ["b"]]],
  ["<'a'>", "v", { signature: "s", value: "a" }],
];

for (const [text, signature, value] of ROWS) {
  test(text, () => {
    expect(parseVariant(text)).toEqual({ signature, value });
  });
}

const WRONG: readonly string[] = [
  "",
  "text",
  "'open",
  "[]",
  "[1",
  "[1 2]",
  "['a', 1]",
  "['a', true]",
  "1 2",
  "uint64 -1",
  "uint64 18446744073709551616",
  "uint32 'a'",
  "byte 256",
  "2147483648",
  "boolean 1",
  "uint32 1.5",
  "string 1",
  "{'a': 1}",
  "('a', 1)",
  "<1",
  "@",
  "@z 1",
  "'\\U00110000'",
];

for (const text of WRONG) {
  test(`refused: ${text}`, () => {
    expect(() => parseVariant(text)).toThrow(TypeMismatch);
  });
}
