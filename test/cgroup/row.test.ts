/** What the rows of the table of limits are made of; the rows themselves are in limits.test.ts. */
import { expect, test } from "bun:test";
import {
  type Conversion,
  file,
  flag,
  noneIsDefault,
  same,
  unlessAsked,
  zeroIsDefault,
} from "../../src/cgroup/row.ts";
import type { Resources } from "../../src/spec/resources.ts";

const written = (conversion: Conversion, resources: Resources = {}) =>
  "write" in conversion ? conversion.write(resources) : undefined;

test("a file is written with the text, and not at all without one", () => {
  const limit = file("memory.max", ({ memory }) => memory?.limit?.toString());
  expect(written(limit, { memory: { limit: 7 } })).toEqual([{ file: "memory.max", text: "7" }]);
  expect(written(limit)).toEqual([]);
});

test("what a new cgroup has is marked, so that a missing file is no error", () => {
  expect(written(file("f", () => "0", zeroIsDefault))).toEqual([{ file: "f", text: "0", isDefault: true }]);
  expect(written(file("f", () => "1", zeroIsDefault))).toEqual([{ file: "f", text: "1" }]);
  expect(written(file("f", () => "-1", noneIsDefault))).toEqual([{ file: "f", text: "-1", isDefault: true }]);
});

test("what asks for nothing takes nothing", () => {
  const swap = (text: string) => written(file("f", () => text, unlessAsked("max", "0")));
  expect(swap("max")).toEqual([{ file: "f", text: "max", otherwise: "nothing" }]);
  expect(swap("5")).toEqual([{ file: "f", text: "5" }]);
});

test("a flag is 1, 0 or not there; what is the same on both versions is one thing", () => {
  expect([flag(true), flag(false), flag(undefined)]).toEqual(["1", "0", undefined]);
  const { v1, v2 } = same({ ignore: "for a reason" });
  expect(v1).toBe(v2);
});
