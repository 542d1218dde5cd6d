/** The table of hierarchies is read as it was written, by compiled programs. */
import { expect } from "bun:test";
import { branch, compute, label, set, slot } from "../../src/plan/build.ts";
import {
  addHierarchy,
  beginHierarchies,
  eachAndCurrent,
  eachHierarchy,
  HIERARCHY,
  MOST_HIERARCHIES,
  unlessFull,
} from "../../src/plan/hierarchy.ts";
import type { Step } from "../../src/plan/step.ts";
import { contract, show, shown } from "../emit/machine.ts";

const { name, above, made } = HIERARCHY;
const [NUMBER, SUM, COUNT] = [slot("number"), slot("sum"), slot("count")];

/** Adds entries whose names are 1, 2 … `last`, as long as there is room. */
const fill = (last: number): Step[] => [
  ...beginHierarchies(),
  label("fill"),
  ...unlessFull("full"),
  compute(NUMBER, NUMBER, "add", 1),
  set(name, NUMBER),
  compute(above, NUMBER, "shl", 8),
  set(made, 1),
  ...addHierarchy(),
  branch(NUMBER, "lt", last, "fill"),
  label("full"),
];

const add = (value: typeof name): Step[] => [
  compute(SUM, SUM, "add", value),
  compute(COUNT, COUNT, "add", 1),
];

contract("each hierarchy comes once, with its fields", (machine) => {
  const plan = [
    ...fill(3),
    ...eachHierarchy("one", ["name"], add(name)),
    ...eachHierarchy("two", ["name", "above"], add(above)),
    show(SUM, COUNT),
  ];
  expect(shown(machine.run(plan))).toEqual([6n + (6n << 8n), 6n]);
});

contract("of an empty table there is none, and of one that was never begun", (machine) => {
  expect(
    shown(machine.run([...fill(0).slice(0, 2), ...eachHierarchy("one", ["name"], add(name)), show(COUNT)])),
  ).toEqual([0n]);
  expect(shown(machine.run([...eachAndCurrent("one", ["made"], add(made)), show(SUM, COUNT)]))).toEqual([
    0n,
    1n,
  ]);
});

contract("what was about to be added comes first, and what is added is no more about to be", (machine) => {
  const all = eachAndCurrent("all", ["made"], add(made));
  expect(shown(machine.run([...fill(2), ...all, show(SUM, COUNT)]))).toEqual([2n, 3n]);
  expect(shown(machine.run([...fill(2), set(made, 1), ...all, show(SUM, COUNT)]))).toEqual([3n, 3n]);
});

contract("no more are added than there is room for", (machine) => {
  const plan = [...fill(1000), ...eachHierarchy("one", ["name"], add(name)), show(COUNT)];
  expect(shown(machine.run(plan))).toEqual([BigInt(MOST_HIERARCHIES)]);
});
