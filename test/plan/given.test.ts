/** What a program is given at its start reaches the plan, on both architectures. */
import { expect } from "bun:test";
import { call, exit, slot, struct } from "../../src/plan/build.ts";
import type { Step } from "../../src/plan/step.ts";
import { contract } from "../emit/machine.ts";

const argument = slot("argument");
const given = (what: number | "environment"): Step => ({ kind: "given", into: argument, what });

contract("an argument that is not there is 0", (machine) => {
  const plan: Step[] = [given(1), exit(argument, "say what it is")];
  expect(machine.run(plan).code).toBe(0);
});

contract("argument 0 is the name the program was started by", (machine) => {
  const iovec = struct("iovec", [
    ["iov_base", 8, argument],
    ["iov_len", 8, 4],
  ]);
  const plan: Step[] = [given(0), call("show it", "writev", [1, iovec, 1])];
  expect(machine.run(plan).stdout.toString()).toMatch(/^\S{4}$/);
});

contract("the environment can be handed on", (machine) => {
  const inner = machine.save([
    given("environment"),
    call("run env", "execve", ["/usr/bin/env", 0, argument]),
  ]);
  const path = process.env["HUTCH_GIVEN"];
  process.env["HUTCH_GIVEN"] = "handed on";
  const result = Bun.spawnSync(machine.arch === "x86_64" ? [inner] : [`qemu-${machine.arch}-static`, inner], {
    env: { HUTCH_GIVEN: "handed on" },
  });
  if (path === undefined) delete process.env["HUTCH_GIVEN"];
  expect(result.stdout.toString()).toContain("HUTCH_GIVEN=handed on");
});
