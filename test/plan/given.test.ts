/** What a program is given at its start reaches the plan, on both architectures. */
import { expect } from "bun:test";
import { call, exit, slot, strings, struct } from "../../src/plan/build.ts";
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
  const plan = [
    given("environment"),
    call("show it", "execve", ["/usr/bin/env", strings(["env", "-0"]), argument]),
  ];
  const shown = machine.run(plan).stdout.toString().split("\0").slice(0, -1);
  const own = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  expect(shown.toSorted()).toEqual(own.toSorted());
});
