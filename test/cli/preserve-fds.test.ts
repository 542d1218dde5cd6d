import { expect, test } from "bun:test";
import { command } from "../../src/cli/create.ts";
import { readOptions } from "../../src/cli/option.ts";
import { preserveFdsOf } from "../../src/cli/preserve-fds.ts";

const count = (...words: string[]): number => preserveFdsOf(readOptions(command, [...words, "box"]));

test("none is handed on unless it is asked for, and the last wish counts", () => {
  expect(count()).toBe(0);
  expect(count("--preserve-fds", "2", "--preserve-fds=3")).toBe(3);
});

test("more than lie below hutch's own, and what is no number, are refused by the option's name", () => {
  expect(count("--preserve-fds", "97")).toBe(97);
  expect(() => count("--preserve-fds", "98")).toThrow("--preserve-fds 98: expected at most 97");
  expect(() => count("--preserve-fds", "-1")).toThrow("--preserve-fds -1: expected a whole number");
});
