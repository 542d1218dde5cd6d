import { describe, expect, test } from "bun:test";
import { checkContainerPath } from "../../src/spec/path.ts";
import { refusalsOf } from "./problem.ts";

const RELATIVE = "p: an absolute path";
const PARENT = "p: a path without .. components";

describe("a path of the container says where it is", () => {
  const rows: Record<string, readonly string[]> = {
    "/": [],
    "/a//b/./": [],
    "/a/...": [],
    "/..a/b..": [],
    "": [RELATIVE],
    a: [RELATIVE],
    "./a": [RELATIVE],
    "/..": [PARENT],
    "/a/../b": [PARENT],
    "/a/..": [PARENT],
    "..": [RELATIVE, PARENT],
  };
  for (const [path, refusals] of Object.entries(rows)) {
    test(`${JSON.stringify(path)}: ${refusals.join(", ") || "taken"}`, () => {
      expect(refusalsOf((refuse) => checkContainerPath(path, "p", refuse))).toEqual([...refusals]);
    });
  }
});
