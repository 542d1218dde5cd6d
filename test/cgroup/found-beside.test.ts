import { expect, test } from "bun:test";
import { createBeside } from "../../src/cgroup/found-beside.ts";
import { membershipV2 } from "../../src/cgroup/v2.ts";
import { buffer, set, slot } from "../../src/plan/build.ts";
import { printPlan } from "../../src/plan/print.ts";
import type { Step } from "../../src/plan/step.ts";
import { contract, showMemory } from "../emit/machine.ts";

const steps = createBeside(
  membershipV2({ mount: "/sys/fs/cgroup", own: "/sys/fs/cgroup" }, { memory: { limit: 1 } }, undefined, 0),
);

test("the controllers are handed down above, and then the cgroup is made", () => {
  const text = printPlan(steps, "x86_64");
  expect(text).toContain('openat(<cgroup v2 above>, "cgroup.subtree_control"');
  expect(text.indexOf("+memory")).toBeLessThan(text.indexOf("mkdirat("));
});

/** What is read is given instead: from the first line of /proc/self/cgroup. */
function pathFor(line: string): Step[] {
  const end = steps.findIndex((step) => step.kind === "call" && step.why === "open the cgroup above");
  const at = slot("cgroup path at");
  return steps.slice(0, end).flatMap((step): Step[] => {
    if (step.kind !== "call") return [step];
    if (step.name !== "read") return [];
    const bytes = new TextEncoder().encode(line);
    return [...bytes].map(
      (byte, index): Step => ({ kind: "store", to: at, offset: index, size: 1, value: byte }),
    );
  });
}

contract("the directory above the caller's cgroup is found", ({ run }) => {
  for (const [line, path] of [
    ["0::/user.slice/user@1000.service/app.slice/run.scope\n", "/user.slice/user@1000.service/app.slice"],
    ["0::/one\n", ""],
    ["0::/\n", ""],
  ] as const) {
    const memory = buffer("cgroup above", 8192);
    const { stdout } = run([...pathFor(line), set(slot("x"), 0), showMemory(memory, 100)]);
    expect(stdout.toString().split("\0")[0]).toBe(`/sys/fs/cgroup${path}`);
  }
  const { code, stderr } = run(pathFor("3:pids:/\n"));
  expect(code).toBe(125);
  expect(stderr).toContain("find the cgroup of this program: it is in one of version 1");
});
