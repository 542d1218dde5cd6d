import { describe, expect, test } from "bun:test";
import { checkStep, constant, fits, labelsOf, stepName, target } from "../../src/host/possible.ts";
import { CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUTS } from "../../src/linux/sched.ts";
import { branch, buffer, bytes, call, jump, label, load, set, slot } from "../../src/plan/build.ts";
import type { Step } from "../../src/plan/step.ts";

test.each([
  [1, -128n, 255n],
  [2, -32768n, 65535n],
  [4, -(2n ** 31n), 2n ** 32n - 1n],
  [8, -(2n ** 63n), 2n ** 64n - 1n],
])("%i bytes hold %p to %p, and nothing beyond", (size, least, most) => {
  expect([least, most].map((value) => fits(value, size))).toEqual([true, true]);
  expect([least - 1n, most + 1n].map((value) => fits(value, size))).toEqual([false, false]);
});

test("a constant is one of 64 bits, signed, and exact", () => {
  expect(constant(0xffff_ffff_ffff_ffffn, "here")).toBe(-1n);
  expect(constant(Number.MAX_SAFE_INTEGER, "here")).toBe(9007199254740991n);
  expect(() => constant(2 ** 53, "here")).toThrow("perform here: 9007199254740992 is not an exact integer");
  expect(() => constant(1n << 64n, "here")).toThrow("does not fit 64 bits");
});

test("a step is called by its number, its purpose and its call", () => {
  expect(stepName(call("mount proc", "mount", []), 3)).toBe("step 3 (mount proc: mount)");
  expect(stepName(jump("end"), 0)).toBe("step 0 (jump)");
});

test("a label is where it stands, and one that is missing is refused by name", () => {
  const labels = labelsOf([jump("b"), label("a"), label("b")]);
  expect([target(labels, "a", "here"), target(labels, "b", "here")]).toEqual([1, 2]);
  expect(() => target(labels, "c", "here")).toThrow("perform here: there is no label c");
  expect(() => labelsOf([label("a"), label("a")])).toThrow("step 1 (label): the label a exists already");
});

const ACCEPTED: readonly Step[] = [
  call("leave the mounts", "unshare", [CLONE_NEWNS | CLONE_NEWNET]),
  call("join the network", "setns", [3, CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP]),
  call("try", "getpid", [0, 0, 0, 0, 0, 0]),
  call("try", "chdir", ["/"], { errors: { ENOENT: { to: "end" }, EINTR: "retry" } }),
  branch(slot("x"), "eq", -1, "end"),
  set(slot("x"), buffer("b", 8)),
  load(slot("x"), buffer("b", 8), 4, 4),
];

describe("a step that Bun survives is accepted", () => {
  for (const [index, step] of ACCEPTED.entries()) {
    test(stepName(step, index), () =>
      expect(() => checkStep(step, new Map([["end", 0]]), "here")).not.toThrow(),
    );
  }
});

const REFUSED: readonly (readonly [Step, string])[] = [
  [{ kind: "given", into: slot("x"), what: 1 }, "what a program is given at its start is not there"],
  [{ kind: "enter", at: slot("x") }, "it would end Bun"],
  [load(slot("x"), slot("y"), 0, 8), "addresses in slots are for programs"],
  [set(slot("x"), bytes(new Uint8Array(8))), "addresses of constants are for programs"],
  [call("try", "chdir", ["/"], { otherwise: "no" }), "there is no label no"],
  [
    { kind: "next", into: slot("x"), from: { kind: "strings", strings: [] }, done: "no" },
    "there is no label no",
  ],
  [branch(slot("x"), "eq", 0.5, "end"), "0.5 is not an exact integer"],
  [load(slot("x"), buffer("b", 8), 5, 4), "4 bytes at 5 are not inside the 8 of b"],
  [call("leave", "unshare", [0]), "unshare with these flags cannot happen in this process"],
];

describe("a step that cannot be performed is refused with its reason", () => {
  for (const [index, [step, reason]] of REFUSED.entries()) {
    test(`${stepName(step, index)}: ${reason}`, () => {
      expect(() => checkStep(step, new Map([["end", 0]]), "here")).toThrow(reason);
    });
  }
});
