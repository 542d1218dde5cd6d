import { expect, test } from "bun:test";
import { checkStreams } from "../../src/library/stream.ts";

test("streams are words, descriptors, or left out", () => {
  checkStreams("start", {});
  checkStreams("start", { stdin: "pipe", stdout: "inherit", stderr: "ignore" });
  checkStreams("start", { stdin: 0, stdout: undefined });
});

test("what is none is refused by name", () => {
  for (const value of ["pip", -1, 1.5, null, {}, true]) {
    expect(() => checkStreams("exec", { stdout: value })).toThrow("exec: stdout: expected");
  }
});
