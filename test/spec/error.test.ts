import { expect, test } from "bun:test";
import { describe, pathText, problemText, specError } from "../../src/spec/error.ts";

test.each([
  [[], ""],
  [["process", "rlimits", 2, "soft"], "process.rlimits[2].soft"],
  [["linux", "sysctl", "net.core.somaxconn"], 'linux.sysctl["net.core.somaxconn"]'],
  [["annotations", 'a"b\n'], 'annotations["a\\"b\\n"]'],
  [["annotations", ""], 'annotations[""]'],
  [[0, "$a_1"], "[0].$a_1"],
])("the keys %j are written as %s", (keys, text) => {
  expect(pathText(keys)).toBe(text);
});

test.each([
  ["nothing", undefined],
  ["null", null],
  ["an empty array", []],
  ["an array", [1]],
  ["an empty object", {}],
  ["an object", { a: 1 }],
  ["18446744073709551615", 18446744073709551615n],
  ["false", false],
  ['"1"', "1"],
  ['"a\\u001b[31m\\n"', "a\u001b[31m\n"],
  ['"\ufffd"', "\ud800"],
])("a value is shown in words, on one line: %s", (text, value) => {
  expect(describe(value)).toBe(text);
});

test("a string of 80 characters is shown whole, a longer one is cut", () => {
  expect(describe("x".repeat(80))).toBe(`"${"x".repeat(80)}"`);
  expect(describe("x".repeat(81))).toBe(`"${"x".repeat(80)}…"`);
});

test("a problem of the whole document has no path before it", () => {
  const problem = { path: "", expected: "an object", received: "null" };
  expect(problemText(problem)).toBe("expected an object, received null");
  expect(problemText({ ...problem, path: "root" })).toBe("root: expected an object, received null");
});

test("one problem stands on the line of the document, ten below it, and the eleventh is counted", () => {
  const lines = Array.from({ length: 11 }, (_, index) => `p${index}`);
  expect(specError("x.json", lines.slice(0, 1)).message).toBe("x.json: p0");
  const ten = specError("x.json", lines.slice(0, 10)).message.split("\n");
  expect([ten.length, ten[0], ten[10]]).toEqual([11, "x.json: 10 problems", "  p9"]);
  const eleven = specError("x.json", lines).message.split("\n");
  expect([eleven[0], ...eleven.slice(10)]).toEqual(["x.json: 11 problems", "  p9", "  and 1 more"]);
});
