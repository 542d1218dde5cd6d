import { expect, test } from "bun:test";
import { numberTexts, textNumber } from "../../src/emit/compact-texts.ts";
import { call } from "../../src/plan/build.ts";

test("reasons come first, then what else is told, and what has values last", () => {
  const texts = new Map([["hutch", 0]]);
  const plan = [
    call("limit memory: write 1024 to a file", "write", []),
    call("open a file", "openat", [], { hints: { ENOENT: "make it" } }),
    call("open a file", "openat", []),
    { kind: "fail", message: "nothing is there" },
  ] as const;
  expect(numberTexts({ texts, hasHints: true }, plan)).toBe(6);
  expect([...texts.keys()]).toEqual([
    "hutch",
    "open a file",
    "write",
    "openat",
    "make it",
    "nothing is there",
  ]);
  expect(textNumber({ texts }, "openat")).toBe(3);
  expect(textNumber({ texts }, "limit memory: write 1024 to a file")).toBe(6);
  expect(textNumber({ texts }, "näher 12345 🙂")).toBe(7);
  const without = new Map<string, number>();
  numberTexts({ texts: without, hasHints: false }, plan);
  expect(without.has("make it")).toBe(false);
});

test("what is no C string is refused, also beside a value", () => {
  for (const text of ["a\0b", "12345\0", "\ud800", "9999 \udc00"]) {
    expect(() => textNumber({ texts: new Map() }, text)).toThrow(`${JSON.stringify(text)} is no text`);
  }
});
