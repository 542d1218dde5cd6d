/** Hooks that init runs: with real processes, as the compiled program does. */
import { describe, expect, test } from "bun:test";
import { address, call, compute, slot } from "../../src/plan/build.ts";
import { receiveState, runHooks } from "../../src/plan/hook.ts";
import { takeSignals } from "../../src/plan/signal.ts";
import type { Step } from "../../src/plan/step.ts";
import type { Hook } from "../../src/spec/spec.ts";
import { nativeContract, say } from "../emit/machine.ts";
import { lines } from "./fixture.ts";

const STATE = `${JSON.stringify({ id: "box", status: "creating" })}\n`;
const HAND = 25;

/** What comes before hooks: signals are held back, and the state has been received. */
function before(): Step[] {
  const [ends, read, write] = [slot("ends"), slot("read"), slot("write")];
  return [
    ...takeSignals(),
    call("make a pipe", "pipe2", [address(ends), 0]),
    compute(read, ends, "and", 0xffffffff),
    compute(write, ends, "shr", 32),
    call("hand on", "dup3", [read, HAND, 0]),
    call("give the state", "write", [write, STATE, STATE.length]),
    ...receiveState("wait for the state", HAND),
  ];
}

const shell = (script: string, rest: Partial<Hook> = {}): Hook => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  ...rest,
});

const program = (...hooks: Hook[]): Step[] => [
  ...before(),
  ...runHooks("startContainer", hooks),
  say("after"),
];

describe("hooks of init", () => {
  nativeContract("run one after the other, each with the whole state as its input", ({ run }) => {
    const outcome = run(program(shell("cat; sleep 0.2; echo"), shell("echo second; cat >&2")));
    expect(outcome).toMatchObject({ code: 0, stderr: STATE });
    expect(outcome.stdout.toString()).toBe(`${STATE}\nsecond\nafter`);
  });

  nativeContract("have the environment that they are given, and nothing of init's", ({ run }) => {
    const hooks = [{ path: "/usr/bin/env" }, { path: "/usr/bin/env", env: ["A=1", "B=2"] }];
    const { stdout } = run(program(...hooks), undefined, { env: { SECRET: "x" } });
    expect(stdout.toString()).toBe("A=1\nB=2\nafter");
  });

  nativeContract("end init when one of them fails, by name, and those after it do not run", ({ run }) => {
    const { code, stdout, stderr } = run(program(shell("exit 3"), shell("echo second")));
    expect(code).toBe(125);
    expect(stdout.toString()).toBe("");
    expect(stderr).toContain("run the startContainer hook /bin/sh: it failed or took too long");
  });

  nativeContract("that cannot be executed are told with the errno", ({ run }) => {
    const { code, stdout, stderr } = run(program({ path: "/nowhere/at/all" }));
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain("run the startContainer hook /nowhere/at/all: execve: ENOENT");
  });

  nativeContract("may leave their input unread", ({ run }) => {
    expect(run(program({ path: "/bin/true" }, { path: "/bin/true" }))).toMatchObject({ code: 0, stderr: "" });
  });

  nativeContract("are ended when their time is up, with the processes that they have made", ({ run }) => {
    const began = performance.now();
    // The grandchild holds the output, which the test reads to its end.
    const { code, stderr } = run(program(shell("sleep 8 & sleep 8", { timeout: 1 })));
    expect(performance.now() - began).toBeLessThan(5000);
    expect({ code, stderr }).toMatchObject({ code: 125 });
    expect(stderr).toContain("took too long");
  });

  nativeContract("that end in their time are not waited for longer", ({ run }) => {
    const began = performance.now();
    expect(run(program(shell("exit 0", { timeout: 8 })))).toMatchObject({ code: 0 });
    expect(performance.now() - began).toBeLessThan(5000);
  });

  nativeContract(
    "are ended in time also after one that had no limit, and when they have stopped",
    ({ run }) => {
      for (const script of ["exec sleep 8", "kill -STOP $$"]) {
        const began = performance.now();
        const { code } = run(program({ path: "/bin/true" }, shell(script, { timeout: 1 })));
        expect(performance.now() - began).toBeLessThan(5000);
        expect(code).toBe(125);
      }
    },
  );

  nativeContract("hold no descriptor of init's", ({ run }) => {
    const script = `[ -e /proc/$$/fd/${HAND} ] && echo held || echo closed`;
    expect(run(program(shell(script))).stdout.toString()).toBe("closed\nafter");
  });
});

test("without hooks there is nothing to do", () => {
  expect(runHooks("startContainer", undefined)).toEqual([]);
  expect(runHooks("startContainer", [])).toEqual([]);
});

test("a hook has the name of its file as its only argument, unless it is given others", () => {
  const executes = (hook: Hook): string | undefined =>
    lines(runHooks("createContainer", [hook])).find((line) => line.startsWith("execve("));
  expect(executes({ path: "/a" })).toBe('execve("/a", ["/a"], [])');
  expect(executes({ path: "/a", args: ["b", "c"], env: ["D=e"] })).toBe('execve("/a", ["b", "c"], ["D=e"])');
});
