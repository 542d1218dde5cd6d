import { expect, test } from "bun:test";
import { all, type Given, has, last, usageError } from "../../src/options/given.ts";

const given: Given = {
  command: "in",
  values: new Map([
    ["env", ["A=1", "A=2"]],
    ["init", [""]],
  ]),
  words: ["/"],
};

test("of an option that is given again the last value counts, or all of them", () => {
  expect(last(given, "env")).toBe("A=2");
  expect(all(given, "env")).toEqual(["A=1", "A=2"]);
});

test("what was not given has no value", () => {
  expect([last(given, "user"), all(given, "user"), has(given, "user")]).toEqual([undefined, [], false]);
  expect(has(given, "init")).toBe(true);
});

test("an error of use points to the help of the command", () => {
  expect(usageError("in", "no").message).toBe("in: no; hint: see hutch in --help");
  expect(usageError("hutch", "no").message).toBe("hutch: no; hint: see hutch --help");
  expect(usageError("in", "no", "do this").hint).toBe("do this");
});
