import { expect, test } from "bun:test";
import { bytes, call, compute, slot } from "../../src/plan/build.ts";
import { PLAN_VERSION, planJson } from "../../src/plan/json.ts";

test("a plan is JSON of one line a step, with its version", () => {
  const plan = [
    call("say", "write", [1, bytes(new Uint8Array([1, 255]), "two"), 2]),
    compute(slot("a"), 2n ** 63n, "add", 7n),
  ];
  const text = planJson(plan, "aarch64");
  expect(JSON.parse(text)).toEqual({
    version: PLAN_VERSION,
    arch: "aarch64",
    steps: [
      {
        kind: "call",
        name: "write",
        why: "say",
        args: [1, { kind: "bytes", bytes: "Af8=", text: "two" }, 2],
      },
      {
        kind: "compute",
        into: { kind: "slot", name: "a" },
        left: "9223372036854775808",
        op: "add",
        right: 7,
      },
    ],
  });
  expect(text.split("\n")).toHaveLength(9);
});
