import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { linuxRules, linuxSchema, PROPAGATIONS } from "../../src/spec/linux.ts";
import type { Linux } from "../../src/spec/spec.ts";
import { problemsOf } from "./problem.ts";

const problems = (linux: Linux): string[] => problemsOf(linuxRules, { linux });

test("paths are masked only in a mount namespace, and no paths need none", () => {
  const namespaces: Linux["namespaces"] = [{ type: "mount" }];
  expect(problems({ maskedPaths: ["/a"], readonlyPaths: ["/b"], namespaces })).toEqual([]);
  expect(problems({ maskedPaths: [], readonlyPaths: [] })).toEqual([]);
  expect(problems({ readonlyPaths: ["/b"] })).toEqual([
    "linux.readonlyPaths: expected a mount namespace in linux.namespaces, received nothing",
  ]);
});

describe("a control group is named below its parent", () => {
  const rows = { "..": 1, "a/..": 1, "/../a": 1, "a/../../b": 1, "": 0, "/a..b": 0, "a/...": 0, box: 0 };
  for (const [path, refused] of Object.entries(rows)) {
    test(`${JSON.stringify(path)} is ${refused === 1 ? "refused" : "taken"}`, () => {
      expect(problems({ cgroupsPath: path })).toHaveLength(refused);
    });
  }
});

test("a personality has a domain and no flags", () => {
  expect(problems({ personality: { domain: "LINUX32", flags: [] } })).toEqual([]);
  expect(problems({ personality: { flags: ["x"] } })).toHaveLength(2);
});

test("every propagation that container managers write is taken, in the specification's spelling", () => {
  const takes = (word: string) => v.safeParse(linuxSchema, { rootfsPropagation: word }).success;
  expect(PROPAGATIONS.filter((word) => !takes(word))).toEqual([]);
  expect(["PRIVATE", "MS_PRIVATE", "private ", ""].filter(takes)).toEqual([]);
});
