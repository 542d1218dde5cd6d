import { expect, test } from "bun:test";
import {
  createSearch,
  HIGHEST_RANK,
  LONGEST_COPY,
  searchTexts,
  takeSearch,
} from "../../src/emit/compact-range-parse.ts";
import { randomNumbers } from "./random-plan.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const copiesOf = (all: Uint8Array) => searchTexts(createSearch(all.length), all);
const copies = (text: string) => copiesOf(bytes(text));

test("a copy is told by its rank among the places behind the same byte", () => {
  expect(copies("-abcdefgh-xyz-abcdefgh")).toEqual([{ at: 14, length: 8, rank: 2 }]);
  expect(copies("abcdefgh abcdefgh")).toEqual([{ at: 10, length: 7, rank: 1 }]);
});

test("each copy begins behind the byte that its place is behind, and no rank is higher than can be told", () => {
  const random = randomNumbers(5);
  const all = Uint8Array.from({ length: 6000 }, () => 97 + random(3));
  const found = copiesOf(all);
  for (const { at, length, rank } of found) {
    const places = [...all.subarray(0, at).keys()].filter((place) => all[place - 1] === all[at - 1]);
    const from = places.at(-rank) ?? Number.NaN;
    expect(Buffer.compare(all.subarray(from, from + length), all.subarray(at, at + length))).toBe(0);
  }
  expect(Math.max(...found.map(({ rank }) => rank))).toBeWithin(HIGHEST_RANK / 2, HIGHEST_RANK + 1);
});

test("a long run is copied in parts, each as long as can be told", () => {
  const found = copies("a".repeat(2000));
  expect(found.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(1990);
  for (const { length } of found) expect(length).toBeLessThanOrEqual(LONGEST_COPY);
});

test("behind a beginning that was searched copies go on, but none over the border, and it stays as it is", () => {
  const [beginning, whole] = [bytes("-abcdefgh-abcd"), bytes("-abcdefgh-abcdefgh-abc")];
  const begun = createSearch(beginning.length);
  searchTexts(begun, beginning);
  const further = () => {
    const search = createSearch(0);
    takeSearch(search, begun, whole.length);
    return searchTexts(search, whole);
  };
  const first = further();
  expect(first.length).toBeGreaterThan(0);
  for (const { at } of first) expect(at).toBeGreaterThanOrEqual(beginning.length);
  expect(further()).toEqual(first);
});

test("nothing is no copy", () => {
  expect(copies("")).toEqual([]);
});
