import { describe, expect, test } from "bun:test";
import { defaultSpec } from "../../src/spec/default.ts";
import { parseJson } from "../../src/spec/json.ts";
import { parseSpec, parseSpecText } from "../../src/spec/parse.ts";
import { messageOf, mutated, numbers } from "./mutate.ts";

const FAULTS: readonly (readonly [text: string, message: string])[] = [
  ["", "line 1, column 1: expected a value, received the end of the text"],
  ["{", 'line 1, column 2: expected a key in double quotes or "}", received the end of the text'],
  ["[1, 2", 'line 1, column 6: expected "," or "]", received the end of the text'],
  ['{"a": 1,\n "b": }', 'line 2, column 7: expected a value, received "}"'],
  ['{"a": 1,\n\n  "b": tru}', 'line 3, column 8: expected a value, received "tru"'],
  ['{"a": [1 2]}', 'line 1, column 10: expected "," or "]", received "2"'],
  ['{"a": 1,}', 'line 1, column 9: expected a key in double quotes, received "}"'],
  ['{"a" 1}', 'line 1, column 6: expected ":", received "1"'],
  ["{'a': 1}", `line 1, column 2: expected a key in double quotes or "}", received "'"`],
  ['{"a": 01}', 'line 1, column 7: expected a value, received "01"'],
  ['{"a": 1.}', 'line 1, column 7: expected a value, received "1."'],
  [
    '{"a": "b\nc"}',
    'line 1, column 7: expected a closed string without raw control characters, received "\\""',
  ],
  ['{"a": "b', 'line 1, column 7: expected a closed string without raw control characters, received "\\""'],
  [
    '{"a": "\\x"}',
    'line 1, column 7: expected a closed string without raw control characters, received "\\""',
  ],
  ["{}\n{}", 'line 2, column 1: expected the end of the text, received "{"'],
  ["\ufeff{}", 'line 1, column 1: expected a value, received "\ufeff"'],
  ['{"a": /* why */ 1}', 'line 1, column 7: expected a value, received "/"'],
];

describe("text that is not JSON is told about with line and column", () => {
  for (const [text, message] of FAULTS) {
    test(JSON.stringify(text), () => {
      expect(messageOf(() => parseJson(text, "config.json"))).toBe(`config.json: ${message}`);
    });
  }
});

test("wherever a configuration is cut off, the place that is told is the end", () => {
  const text = JSON.stringify(defaultSpec());
  const random = numbers(7);
  for (let round = 0; round < 200; round++) {
    const cut = text.slice(0, random(text.length));
    const [, column] = /column (\d+)/.exec(messageOf(() => parseJson(cut, "x"))) ?? [];
    // A word or a string that is cut is told about at its beginning.
    const last = /("(?:[^"\\]|\\.)*|[a-z0-9]*)$/.exec(cut)?.[0].length ?? 0;
    expect(cut.length + 1 - Number(column)).toBeLessThanOrEqual(last);
  }
});

describe("a 64-bit integer stays what it is", () => {
  const hard = (text: string) => {
    const written = JSON.stringify(defaultSpec()).replace('"hard":1024', `"hard":${text}`);
    return parseSpecText(written).process?.rlimits?.[0]?.hard;
  };
  test("up to 2^53 as a number", () => {
    expect(hard("9007199254740991")).toBe(9007199254740991);
    expect(hard("1e15")).toBe(1e15);
  });
  test("above as a bigint, to the last digit", () => {
    expect(hard("9007199254740993")).toBe(9007199254740993n);
    expect(hard("18446744073709551614")).toBe(18446744073709551614n);
  });
  test("RLIM_INFINITY among them", () => {
    expect(hard("18446744073709551615")).toBe(18446744073709551615n);
  });
  test("and one more than RLIM_INFINITY is refused", () => {
    expect(messageOf(() => hard("18446744073709551616"))).toBe(
      "config.json: process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615, " +
        "received 18446744073709551616",
    );
  });
  test("in a field of 32 bits it is refused as it was written", () => {
    const text = JSON.stringify(defaultSpec()).replace('"uid":0', '"uid":99999999999999999');
    expect(messageOf(() => parseSpecText(text))).toBe(
      "config.json: process.user.uid: expected an integer from 0 to 4294967295, received 99999999999999999",
    );
  });
  test("what another parser has rounded up to 2^64 or 2^63 is the largest value", () => {
    const rounded = mutated(defaultSpec(), ["process", "rlimits", 0, "hard"], 2 ** 64);
    expect(parseSpec(rounded).process?.rlimits?.[0]?.hard).toBe(18446744073709551615n);
    const limit = mutated(defaultSpec(), ["linux", "resources", "pids"], { limit: 2 ** 63 });
    expect(parseSpec(limit).linux?.resources?.pids?.limit).toBe(9223372036854775807n);
  });
  test("digits in a string are left alone", () => {
    const text = JSON.stringify(mutated(defaultSpec(), ["annotations"], { id: "18446744073709551615" }));
    expect(parseSpecText(text).annotations).toEqual({ id: "18446744073709551615" });
  });
});

test("with a long number in it, and so with every value revised, a document reads as JSON.parse reads it", () => {
  const odd = [1.5e300, -0.25, null, "\u00e9\ud83d\ude00", "1234567890123456", 0.1234567890123456];
  const text = JSON.stringify(mutated(defaultSpec(), ["x"], odd));
  const expected: unknown = JSON.parse(text);
  expect(parseJson(text, "x")).toEqual(expected);
});
