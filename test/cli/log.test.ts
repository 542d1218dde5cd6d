import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addToLog, logLine } from "../../src/cli/log.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const time = Date.UTC(2026, 1, 3, 4, 5, 6, 789);
const message = 'say "no"\nand again';

test("a line of JSON is what engines look for: level, msg and an RFC 3339 time", () => {
  const line = logLine("json", { level: "error", message, time });
  expect(line).toEndWith("}\n");
  expect(line.trimEnd()).not.toContain("\n");
  expect(JSON.parse(line)).toEqual({ level: "error", msg: message, time: "2026-02-03T04:05:06Z" });
});

test("a line of text is one line, whatever the message holds", () => {
  expect(logLine("text", { level: "warning", message, time })).toBe(
    'time="2026-02-03T04:05:06Z" level=warning msg="say \\"no\\"\\nand again"\n',
  );
});

test("lines are added to what the file holds, and the file is made when it is missing", () => {
  const path = join(temporaryDirectory("log"), "log");
  addToLog(path, "json", "error", "one");
  addToLog(path, "json", "error", "two");
  const messages = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).msg);
  expect(messages).toEqual(["one", "two"]);
});
