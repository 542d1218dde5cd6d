import { expect, test } from "bun:test";
import { markdownTable, quantile } from "../../bench/statistics.ts";

test("the median of an even number of values lies between the middle two, whatever their order", () => {
  expect(quantile([4, 1, 10, 2], 0.5)).toBe(3);
});

test("the ends are the smallest and the largest value", () => {
  expect([quantile([3, 1, 2], 0), quantile([3, 1, 2], 1)]).toEqual([1, 3]);
});

test("no values have no median", () => {
  expect(quantile([], 0.5)).toBeNaN();
});

test("a table is aligned: names to the left, numbers to the right", () => {
  expect(markdownTable(["process", "ms"], [["a", "1.00"]])).toBe(
    ["| process |   ms |", "| ------- | ---: |", "| a       | 1.00 |"].join("\n"),
  );
});
