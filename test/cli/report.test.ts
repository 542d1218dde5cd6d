import { expect, test } from "bun:test";
import { describe } from "../../src/cli/report.ts";
import { HutchError } from "../../src/linux/error.ts";

test("an error of hutch's own is its message alone", () => {
  const error = new HutchError({ operation: "mount proc on /proc", errno: "EPERM", hint: "be root" });
  expect(describe(error)).toBe("mount proc on /proc: EPERM (operation not permitted); hint: be root");
});

test("any other error is a defect, told with the place it comes from", () => {
  const text = describe(new TypeError("x is not a function"));
  expect(text).toStartWith("this is a defect of hutch, please report it: TypeError: x is not a function");
  expect(text).toContain("report.test.ts");
});

test("what is thrown and is no error is told too", () => {
  expect(describe("text")).toEndWith(": text");
  expect(describe(undefined)).toEndWith(": undefined");
});
