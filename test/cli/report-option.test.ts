import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { reportOf } from "../../src/cli/report-option.ts";

test("the report is a file with a name, the last one that was given", () => {
  const of = (...words: string[]) => reportOf(readOptions(command, [...words, "/", "true"]));
  expect(of()).toBeUndefined();
  expect(of("--report", "a", "--report=b")).toBe("b");
  expect(() => of("--report=")).toThrow("in: --report: expected the name of a file");
});
