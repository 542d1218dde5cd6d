/** A child that asks too late does not outlive its launcher. */
import { expect } from "bun:test";
import { SIGNALS } from "../../src/linux/signal.ts";
import { branch, call, exit, label, slot, struct } from "../../src/plan/build.ts";
import { dieWithLauncher, openLauncher } from "../../src/plan/parent-death.ts";
import type { Step } from "../../src/plan/step.ts";
import { nativeContract, say } from "../emit/machine.ts";

const CHILD = slot("child");
const MOMENT = struct("timespec", [
  ["tv_sec", 8, 0],
  ["tv_nsec", 8, 200_000_000],
]);
const sleep = (why: string): Step => call(why, "ppoll", [0, 0, MOMENT, 0, 0]);

/** A child that asks after a moment, and a parent that has ended by then or has not. */
const family = (parent: readonly Step[]): Step[] => [
  ...openLauncher(),
  call("make a child", "clone", [SIGNALS.SIGCHLD, 0, 0, 0, 0], { into: CHILD }),
  branch(CHILD, "eq", 0, "child"),
  ...parent,
  exit(0, "end"),
  label("child"),
  sleep("be slow"),
  ...dieWithLauncher("here"),
  say("alive"),
  exit(0, "end"),
];

nativeContract("it goes on while the launcher lives", (machine) => {
  const { stdout } = machine.run(family([call("wait", "wait4", [CHILD, 0, 0, 0])]));
  expect(stdout.toString()).toBe("alive");
});

nativeContract("it ends when the launcher has ended before it could ask", (machine) => {
  // The pipe is open until the child has ended too.
  const { stdout } = machine.run(family([]));
  expect(stdout.toString()).toBe("");
});
