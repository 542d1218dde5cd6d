/** Options of other tools, and what hutch has in their place. */
import { describe, expect, test } from "bun:test";
import { familiar } from "../../src/cli/familiar.ts";
import { type Command, readOptions } from "../../src/cli/option.ts";
import { IN_OPTIONS } from "../../src/options/in-options.ts";

const IN: Command = {
  name: "in",
  summary: "",
  usage: "",
  options: IN_OPTIONS,
  stopsAtWord: true,
  examples: [],
};

describe("an option of another tool", () => {
  test.each(["-it", "-ti", "-i", "--interactive", "--rm", "-v", "--volume", "--privileged", "--net=host"])(
    "%s is unknown, with what to use in its place",
    (word) => {
      expect(() => readOptions(IN, [word, "/", "sh"])).toThrow(
        /^in: unknown option .*; hint: (?!did you mean|see hutch)/,
      );
    },
  );

  test("is not looked for in the commands that engines call", () => {
    expect(() => readOptions({ ...IN, name: "run" }, ["--volume"])).toThrow("see hutch run --help");
  });

  test("is told with options that exist", () => {
    const options = new Set(IN_OPTIONS.map(({ name }) => name));
    for (const word of ["i", "v", "p", "d", "net", "privileged", "security-opt", "pids-limit", "setenv"]) {
      const named = [...(familiar(word) ?? "").matchAll(/(?<!hutch run )--([a-z-]+)/g)].map(
        (each) => each[1],
      );
      expect(named.filter((name) => !options.has(name ?? "") && name !== "bundle")).toEqual([]);
    }
  });
});
