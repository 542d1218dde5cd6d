import { expect, test } from "bun:test";
import { LONGEST, parse } from "../../src/emit/compact-parse.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("bytes that were there before are copied", () => {
  expect(parse(bytes("abcdefgh-abcdefgh"))).toEqual([{ at: 9, length: 8, distance: 9, isRepeat: false }]);
});

test("behind a byte that differs the same distance is repeated", () => {
  expect(parse(bytes("abcdefgh,abcdXfgh"))).toEqual([
    { at: 9, length: 4, distance: 9, isRepeat: false },
    { at: 14, length: 3, distance: 9, isRepeat: true },
  ]);
});

test("what would cost more than its bytes is not copied", () => {
  const between = Uint8Array.from({ length: 200 }, (_, at) => 2 + at);
  expect(parse(new Uint8Array([0, 1, ...between, 0, 1]))).toEqual([]);
});

test("a long run is copied in parts, each as long as can be told", () => {
  const copies = parse(new Uint8Array(2000));
  expect(copies.reduce((sum, { length }) => sum + length, 0)).toBe(1999);
  for (const { length } of copies) expect(length).toBeLessThanOrEqual(LONGEST);
});

test("nothing is no copy", () => {
  expect(parse(new Uint8Array(0))).toEqual([]);
});

test("what was looked through before changes nothing", () => {
  const all = [
    bytes("abcdefgh-abcdefgh"),
    bytes("xyz-abcdefgh-xyz-abc"),
    new Uint8Array(40_000),
    bytes("ab"),
  ];
  const alone = all.map((each) => parse(each));
  expect(all.toReversed().map((each) => parse(each))).toEqual(alone.toReversed());
});
