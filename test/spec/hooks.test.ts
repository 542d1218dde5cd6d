import { describe, expect, test } from "bun:test";
import { hookRules } from "../../src/spec/hooks.ts";
import { problemsOf } from "./problem.ts";

/** The specification's six. */
const MOMENTS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

describe("the hooks of every moment are checked, each one", () => {
  for (const name of MOMENTS) {
    test(name, () => {
      const hooks = { [name]: [{ path: "/bin/true" }, { path: "true", env: ["A=b", "C"] }] };
      expect(problemsOf(hookRules, { hooks })).toEqual([
        `hooks.${name}[1].path: expected an absolute path, received "true"`,
        `hooks.${name}[1].env[1]: expected NAME=value, received "C"`,
      ]);
    });
  }
});

test("no hooks, and moments without hooks, are taken", () => {
  expect(problemsOf(hookRules, {})).toEqual([]);
  expect(problemsOf(hookRules, { hooks: { prestart: [] } })).toEqual([]);
});
