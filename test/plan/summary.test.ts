import { expect, test } from "bun:test";
import { SUMMARY_MAX, summaryOf } from "../../src/plan/summary.ts";

test("a summary is the mark, the pid, and the cgroups each with a NUL", () => {
  const file = Buffer.from(summaryOf(0x1234, ["/sys/a", "/b"]) ?? []);
  expect(file.toString("latin1")).toBe("hutch 1\0\x34\x12\0\0\0\0\0\0/sys/a\0/b\0\0");
  expect(Buffer.from(summaryOf(1, []) ?? []).toString("latin1")).toBe("hutch 1\0\x01\0\0\0\0\0\0\0\0");
});

test("one that the entry program has no room for is not written", () => {
  expect(summaryOf(1, ["x".repeat(SUMMARY_MAX - 18)])?.length).toBe(SUMMARY_MAX);
  expect(summaryOf(1, ["x".repeat(SUMMARY_MAX - 17)])).toBeUndefined();
});
