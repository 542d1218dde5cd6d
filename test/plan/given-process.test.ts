/** What a program takes from its caller, by programs that show it. */
import { expect } from "bun:test";
import { call, load, slot, strings } from "../../src/plan/build.ts";
import { addArguments, addEnvironment, findVariable } from "../../src/plan/given-process.ts";
import type { Step } from "../../src/plan/step.ts";
import { contract } from "../emit/machine.ts";

const [ARGV, ENVP, VALUE] = [slot("argv"), slot("envp"), slot("value")];

/** Ends as a program that writes its environment or its arguments. */
const exec = (
  path: string,
  argv: Parameters<typeof call>[2][number],
  envp: Parameters<typeof call>[2][number],
): Step => call("execute", "execve", [path, argv, envp]);

contract("arguments of the program follow those of the command", ({ run }) => {
  const plan = [...addArguments(["echo", "one", "two words"], ARGV), exec("/bin/echo", ARGV, strings([]))];
  expect(run(plan).stdout.toString()).toBe("one two words\n");
  expect(run(plan, undefined, { args: ["3", "vier fünf", ""] }).stdout.toString()).toBe(
    "one two words 3 vier fünf \n",
  );
});

contract("a variable that is set stands once, and all others are the caller's", ({ run }) => {
  const plan = [...addEnvironment(["A=new", "PATH=/x"], ENVP), exec("/usr/bin/env", strings(["env"]), ENVP)];
  const env = { A: "old", AB: "other", B: "", PATH: "/bin" };
  const { stdout } = run(plan, undefined, { env });
  expect(stdout.toString().trim().split("\n").sort()).toEqual(["A=new", "AB=other", "B=", "PATH=/x"]);
});

contract("the value of a variable is found by its whole name", ({ run }) => {
  const plan = [
    ...findVariable("ROOT", VALUE),
    load(slot("four"), VALUE, 0, 4),
    call("say", "write", [1, VALUE, 4]),
  ];
  const env = { ROO: "no", ROOTS: "nono", XROOT: "nonono", ROOT: "/yes" };
  expect(run(plan, undefined, { env }).stdout.toString()).toBe("/yes");
  const { code, stderr } = run(plan, undefined, { env: { ROO: "no" } });
  expect(code).toBe(125);
  expect(stderr).toContain("the environment has no ROOT, which is to hold the path of the root");
  const [longest, longer] = ["/".repeat(4095), "/".repeat(4096)];
  expect(run(plan, undefined, { env: { ROOT: longest } }).stdout.toString()).toBe("////");
  expect(run(plan, undefined, { env: { ROOT: longer } })).toMatchObject({
    code: 125,
    stderr: expect.stringContaining("ROOT is longer than a path of Linux"),
  });
});
