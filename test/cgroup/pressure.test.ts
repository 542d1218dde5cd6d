import { expect, test } from "bun:test";
import { pressure } from "../../src/cgroup/pressure.ts";

test("both lines are there, in percent and microseconds, and totals stay exact", () => {
  const text =
    "some avg10=17.38 avg60=26.07 avg300=13.25 total=9007199254740993\nfull avg10=0.10 avg60=0.02 avg300=0.00 total=5\n";
  expect(pressure(text)).toEqual({
    some: { avg10: 17.38, avg60: 26.07, avg300: 13.25, total: 9007199254740993n },
    full: { avg10: 0.1, avg60: 0.02, avg300: 0, total: 5n },
  });
});

test("a line that is missing is zeros, as in runc; a file that is missing is nothing", () => {
  const none = { avg10: 0, avg60: 0, avg300: 0, total: 0n };
  expect(pressure("some avg10=1.00 avg60=0.00 avg300=0.00 total=2\n")).toEqual({
    some: { ...none, avg10: 1, total: 2n },
    full: none,
  });
  expect(pressure(undefined)).toBeUndefined();
});
