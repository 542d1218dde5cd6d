/** Processors of an exec: the list of the configuration as the kernel's mask. */
import { expect, test } from "bun:test";
import { cpuMask, setAffinity } from "../../src/plan/affinity.ts";
import { lines } from "./fixture.ts";

test("numbers and ranges are bits, in whole words", () => {
  expect([...cpuMask("0")]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
  expect([...cpuMask("1-3, 7,8")]).toEqual([0x8e, 1, 0, 0, 0, 0, 0, 0]);
  expect([...cpuMask("64")]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
});

for (const list of ["3-1", "1,,2", "-", "8192", "0-99999"]) {
  test(`is refused: ${list}`, () => {
    expect(() => cpuMask(list)).toThrow("process.execCPUAffinity");
  });
}

test("an absent or empty list changes nothing", () => {
  expect(setAffinity(undefined)).toEqual([]);
  expect(setAffinity(" ")).toEqual([]);
  expect(lines(setAffinity("0"))[0]).toStartWith("sched_setaffinity(0, 8, ");
});
