/** Two plans in one, run on both sides of the branch. */
import { describe, expect, test } from "bun:test";
import { branch, buffer, call, compute, jump, label, set, slot } from "../../src/plan/build.ts";
import { merge } from "../../src/plan/merge.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { interpret } from "../emit/interpret.ts";
import { randomNumbers, randomPlan } from "../emit/random-plan.ts";

const WHICH = slot("which");

const run = (plan: Plan, which: number) => {
  const { slots } = interpret([set(WHICH, which), ...plan]);
  return Object.fromEntries([...slots].filter(([name]) => name !== WHICH.name));
};

/** What a plan does is what it would do alone. */
function expectBoth(first: Plan, second: Plan): Step[] {
  const merged = merge(first, second, WHICH);
  expect(run(merged, 0)).toEqual(run(first, 0));
  expect(run(merged, 1)).toEqual(run(second, 0));
  return merged;
}

describe("merge", () => {
  test("what is common is there once", () => {
    const common = [set(slot("a"), 1), set(slot("b"), 2), set(slot("c"), 3)];
    const merged = expectBoth([...common, set(slot("d"), 4)], [...common, set(slot("d"), 5)]);
    expect(merged.filter((step) => step.kind === "compute")).toHaveLength(5);
    expect(merge(common, common, WHICH)).toEqual(common);
  });

  test("a label of both plans at different places means the own one", () => {
    const plan = (middle: readonly Step[]): Step[] => [
      set(slot("a"), 1),
      jump("end"),
      set(slot("a"), 2),
      ...middle,
      set(slot("b"), 3),
    ];
    expectBoth(
      plan([label("end"), set(slot("c"), 4), set(slot("x"), 4)]),
      plan([set(slot("d"), 5), set(slot("y"), 5), label("end"), set(slot("c"), 6)]),
    );
  });

  test("each step keeps its guard", () => {
    const work = (why: string): Step => call(why, "getpid", []);
    const first: Plan = [
      { kind: "guard", to: "undo" },
      work("one"),
      work("two"),
      label("undo"),
      { kind: "guard" },
      work("x"),
    ];
    const second: Plan = [
      work("one"),
      { kind: "guard", to: "undo" },
      work("two"),
      label("undo"),
      { kind: "guard" },
      work("x"),
    ];
    const merged = merge(first, second, WHICH);
    const times = (why: string): number =>
      merged.filter((step) => step.kind === "call" && step.why === why).length;
    // "one" fails elsewhere.
    expect(["one", "two", "x"].map(times)).toEqual([2, 1, 1]);
  });

  test("random plans with random parts taken out do what they did", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = randomNumbers(seed + 1000);
      const { plan } = randomPlan(seed, 40);
      const half = (): Step[] => plan.filter((step) => step.kind === "label" || random(6) > 0);
      expectBoth(half(), half());
      if (seed % 3 === 0) expectBoth(plan, randomPlan(seed + 500, 15).plan);
    }
  });

  test("bytes count by what they hold", () => {
    const write = (byte: number): Step =>
      call("write", "write", [1, { kind: "bytes", bytes: new Uint8Array([byte]) }, 1]);
    expect(merge([write(1)], [write(1)], WHICH)).toHaveLength(1);
    expect(merge([write(1)], [write(2)], WHICH).filter(({ kind }) => kind === "call")).toHaveLength(2);
    expect(merge([set(slot("a"), buffer("b", 8))], [compute(slot("a"), 1n, "add", 2)], WHICH).length).toBe(6);
    expect(branch(WHICH, "ne", 0, "x").kind).toBe("branch");
  });
});
