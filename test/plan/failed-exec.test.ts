import { expect, test } from "bun:test";
import { FAILED, readFailed } from "../../src/plan/failed-exec.ts";

test("a failure is told to one process only, in one form only", () => {
  expect(readFailed("4711 0 12 2", 4711)).toEqual({ kind: FAILED.step, step: 12, errno: 2 });
  for (const value of [undefined, "", "4711", "4711 0 12", "4711 0 12 2 ", "4711 0 -1 2", "4712 0 12 2"]) {
    expect([value, readFailed(value, 4711)]).toEqual([value, undefined]);
  }
});
