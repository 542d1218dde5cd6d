import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failedExec } from "../../src/container/failed-exec.ts";
import { call } from "../../src/plan/build.ts";
import { FAILED } from "../../src/plan/failed-exec.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const program = {
  bytes: new Uint8Array(),
  details: "",
  asked: [],
  warnings: [],
  plan: async () => [call("look for it", "openat", [], { exitCode: 127 })],
};

async function told(kind: number, pidFile?: string): Promise<string> {
  const error = await failedExec({ kind, step: 0, errno: 2 }, { id: "box", program, pidFile });
  return error instanceof Error ? error.message : "";
}

test("the step that failed is told as the plan says, and an end without a report as such", async () => {
  expect(await told(FAILED.step)).toBe("look for it: openat: ENOENT (no such file or directory)");
  expect(await told(FAILED.ended)).toBe("exec in box: the process ended before its command ran");
});

test("a pid file that could not be written is told with its reason, and is not left", async () => {
  const directory = temporaryDirectory("failed");
  expect(await told(FAILED.pidFile, join(directory, "no/pid"))).toContain(`open ${directory}/no/pid.hutch`);
  mkdirSync(join(directory, "pid"));
  expect(await told(FAILED.pidFile, join(directory, "pid"))).toContain("EISDIR");
  const path = join(directory, "writable");
  expect(await told(FAILED.pidFile, path)).toBe(`write the pid to ${path}: it could not be written at first`);
  expect(existsSync(path)).toBeFalse();
  writeFileSync(path, "1234");
  await told(FAILED.pidFile, path);
  expect(readFileSync(path, "utf8")).toBe("1234");
});
