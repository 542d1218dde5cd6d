import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { environmentOf } from "../../src/options/in-environment.ts";
import { DEFAULT_PATH } from "../../src/plan/exec.ts";

const environment = (options: readonly string[], caller: Record<string, string | undefined>): string[] =>
  environmentOf(readOptions(command, [...options, "/", "true"]), caller);

test("the caller's environment is the container's, and says that it is one", () => {
  expect(environment([], { PATH: "/bin", A: "", B: undefined, container: "other" })).toEqual([
    "PATH=/bin",
    "A=",
    "container=hutch",
  ]);
});

test("--clear-env leaves a PATH to find commands by, and nothing of the caller", () => {
  expect(environment(["--clear-env"], { PATH: "/secret", A: "1" })).toEqual([
    `PATH=${DEFAULT_PATH}`,
    "container=hutch",
  ]);
});

test("--env has the last word, once for each name, and a value may hold an equals sign", () => {
  const options = ["-e", "A=1", "-e", "PATH=/opt", "-e", "A=2=3", "-e", "container=mine"];
  expect(environment(options, { PATH: "/bin", A: "0" })).toEqual(["PATH=/opt", "A=2=3", "container=mine"]);
});

test("a variable without a value is refused, not taken from the caller", () => {
  expect(() => environment(["-e", "HOME"], { HOME: "/root" })).toThrow("--env HOME: expected NAME=VALUE");
});
