/** Jumps, labels and the end of a plan, on every architecture. */
import { expect } from "bun:test";
import { exit, jump, label } from "../../src/plan/build.ts";
import { contract, say } from "./machine.ts";

contract("jumps go ahead and back", ({ run }) => {
  const plan = [
    jump("two"),
    label("one"),
    say("1"),
    jump("three"),
    label("two"),
    say("2"),
    jump("one"),
    label("three"),
    say("3"),
  ];
  expect(run(plan).stdout.toString()).toBe("213");
});

contract("a plan ends where its list ends, whatever comes behind in the file", ({ run }) => {
  expect(run([say("a"), jump("end"), say("b"), label("end")])).toMatchObject({
    code: 0,
    stdout: Buffer.from("a"),
    stderr: "",
  });
});

contract("a label may be the last step, and two may stand together", ({ run }) => {
  expect(run([jump("x"), exit(1, "end"), label("y"), label("x")]).code).toBe(0);
});
