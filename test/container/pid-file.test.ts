import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePidFile } from "../../src/container/pid-file.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("the file holds the pid alone, and replaces an older one", () => {
  const path = join(temporaryDirectory("pid"), "pid");
  for (const pid of [4711, 12]) {
    writePidFile(path, pid);
    expect(readFileSync(path, "utf8")).toBe(`${pid}`);
  }
});

test("a file that cannot be written leaves nothing, and says why", () => {
  const directory = temporaryDirectory("pid");
  mkdirSync(join(directory, "pid"));
  expect(() => writePidFile(join(directory, "pid"), 4711)).toThrow("EISDIR");
  expect(readdirSync(directory)).toEqual(["pid"]);
  expect(() => writePidFile(join(directory, "no/pid"), 4711)).toThrow(`open ${directory}/no/pid.hutch`);
});
