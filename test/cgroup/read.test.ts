import { expect, test } from "bun:test";
import { amountOf, listOf, pairsOf, rangesOf, UNLIMITED } from "../../src/cgroup/read.ts";

test("an amount is exact beyond 2^53, max is 2^64−1, and anything else is no amount", () => {
  expect(amountOf("9223372036854771712\n")).toBe(9223372036854771712n);
  expect(amountOf("max\n")).toBe(UNLIMITED);
  for (const text of [undefined, "", "-1\n", "1 2\n", "x"]) expect(amountOf(text)).toBeUndefined();
});

test("pairs, lists and ranges are read as the kernel writes them", () => {
  expect(pairsOf("cache 0\nrss 4096\nbroken\n")).toEqual({ cache: 0n, rss: 4096n });
  expect(pairsOf(undefined)).toEqual({});
  expect(listOf("12 0 7 \n")).toEqual([12n, 0n, 7n]);
  expect(rangesOf("0-2,5\n")).toEqual([0, 1, 2, 5]);
  expect(rangesOf("3\n")).toEqual([3]);
  expect(rangesOf("\n")).toEqual([]);
  expect(rangesOf(undefined)).toEqual([]);
});
