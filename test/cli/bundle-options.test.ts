import { expect, test } from "bun:test";
import { bundleWish } from "../../src/cli/bundle-options.ts";
import { command as create } from "../../src/cli/create.ts";
import { readOptions } from "../../src/cli/option.ts";
import { command as run } from "../../src/cli/run.ts";

const count = (...words: string[]): number => bundleWish(readOptions(create, [...words, "box"])).preserveFds;

test("none is handed on unless it is asked for, and the last wish counts", () => {
  expect(count()).toBe(0);
  expect(count("--preserve-fds", "2", "--preserve-fds=3")).toBe(3);
});

test("more than lie below hutch's own, and what is no number, are refused by the option's name", () => {
  expect(count("--preserve-fds", "97")).toBe(97);
  expect(() => count("--preserve-fds", "98")).toThrow("--preserve-fds 98: expected at most 97");
  expect(() => count("--preserve-fds", "-1")).toThrow("--preserve-fds -1: expected a whole number");
});

test("run takes every option of create, so that --detach can hand them on", () => {
  const names = ({ options }: typeof run): string[] => options.map(({ name }) => name);
  expect(names(run)).toEqual(expect.arrayContaining(names(create)));
  expect(bundleWish(readOptions(run, ["--init", "--no-pivot", "box"]))).toMatchObject({
    init: true,
    noPivot: true,
  });
});
