/** A file as the first process; test/vm/compile.test.ts boots machines with it. */
import { expect, test } from "bun:test";
import { exit } from "../../src/plan/build.ts";
import { beMachine } from "../../src/plan/machine.ts";
import { printPlan } from "../../src/plan/print.ts";
import { contract } from "../emit/machine.ts";

contract("any other process goes on at once", ({ run }) => {
  expect(run([...beMachine("poweroff"), exit(7, "end")])).toMatchObject({ code: 7, stderr: "" });
});

test("whatever fails, the first process does not end before the machine does", () => {
  const text = printPlan(beMachine("reboot"), "x86_64");
  const [mounting, end] = [
    text.indexOf('(a failure goes to "machine ends")'),
    text.indexOf('"machine ends":'),
  ];
  expect(mounting).toBeGreaterThan(0);
  expect(mounting).toBeLessThan(text.indexOf("mount("));
  expect(end).toBeLessThan(text.indexOf("reboot("));
});
