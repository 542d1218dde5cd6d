import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { compile } from "../../src/container/launch.ts";
import { hostArch } from "../../src/host/libc.ts";
import { call, exit } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/step.ts";
import { run } from "../support/hutch.ts";
import { temporaryDirectory } from "../support/temporary.ts";

async function outcome(name: string, plan: Plan) {
  const path = `${temporaryDirectory("launch")}/${name}`;
  writeFileSync(path, await compile(plan, hostArch()));
  chmodSync(path, 0o755);
  return run([path]);
}

test("a plan is compiled to a program that runs by itself, and ends as the plan does", async () => {
  expect(await outcome("ends", [exit(7, "end")])).toEqual({ code: 7, signal: null, stdout: "", stderr: "" });
});

test("the program of a plan tells its failures in hutch's name", async () => {
  const { code, stderr } = await outcome("fails", [call("enter nowhere", "chdir", ["/nowhere/at/all"])]);
  expect(code).toBe(125);
  expect(stderr).toStartWith("hutch: enter nowhere: chdir: ENOENT");
});
