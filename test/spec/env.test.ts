import { expect, test } from "bun:test";
import { checkEnv } from "../../src/spec/env.ts";
import { refusalsOf } from "./problem.ts";

const refused = (env?: readonly string[]): string[] => refusalsOf((refuse) => checkEnv(env, "env", refuse));

test("a value may be empty, and may hold equals signs and newlines", () => {
  expect(refused(["A=", "B=c=d", "E=one\ntwo"])).toEqual([]);
});

test("every entry without a name or an equals sign is told by its index", () => {
  expect(refused(["A=b", "A", "=b", "", "="])).toEqual([
    "env[1]: NAME=value",
    "env[2]: NAME=value",
    "env[3]: NAME=value",
    "env[4]: NAME=value",
  ]);
});

test("without an environment nothing is wrong with it", () => {
  expect(refused()).toEqual([]);
});
