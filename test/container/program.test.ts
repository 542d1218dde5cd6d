/** Programs of descriptions: planned once, then recalled with what was known beside them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Description, type Planned, programOf } from "../../src/container/program.ts";
import { exit } from "../../src/plan/build.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const before = process.env["HUTCH_CACHE"];
let directory = "";
let marker = "";

beforeEach(() => {
  const above = temporaryDirectory("program");
  directory = join(above, "programs");
  marker = join(above, "marker");
  process.env["HUTCH_CACHE"] = directory;
});

afterEach(() => {
  if (before === undefined) delete process.env["HUTCH_CACHE"];
  else process.env["HUTCH_CACHE"] = before;
});

/** A description that tells how often it was planned, and what was said. */
function described(rest: Partial<Planned> = {}) {
  const count = { plans: 0 };
  const heard: string[] = [];
  const description: Description = {
    words: ["test"],
    report: { kind: "print", prefix: "hutch" },
    warn: (line) => heard.push(line),
    plan: async (look, warn) => {
      count.plans += 1;
      look("kind", marker);
      warn("careful");
      return { plan: [exit(7, "end")], details: '{"a":1}', isLasting: true, ...rest };
    },
  };
  return { description, count, heard };
}

test("the second time the program is recalled, with its details and its warnings", async () => {
  const { description, count, heard } = described();
  const first = await programOf(description);
  const second = await programOf(description);
  expect(count.plans).toBe(1);
  expect(second.bytes).toEqual(first.bytes);
  expect([first.details, second.details]).toEqual(['{"a":1}', '{"a":1}']);
  expect(heard).toEqual(["careful", "careful"]);
});

test("a kept program is that of the plan, which is planned again, in silence, only to tell of a failure", async () => {
  const { description, count, heard } = described();
  const first = await programOf(description);
  expect(await first.plan()).toEqual([exit(7, "end")]);
  expect(count.plans).toBe(1);
  expect(await (await programOf(description)).plan()).toEqual([exit(7, "end")]);
  expect(count.plans).toBe(2);
  expect(heard).toHaveLength(2);
});

test("what the plan has looked at has changed: it is planned again", async () => {
  const { description, count } = described();
  await programOf(description);
  writeFileSync(marker, "");
  await programOf(description);
  expect(count.plans).toBe(2);
});

test("other words are another program", async () => {
  const { description, count } = described();
  await programOf(description);
  await programOf({ ...description, words: ["te", "st"] });
  expect(count.plans).toBe(2);
  expect(readdirSync(directory)).toHaveLength(2);
});

test("a plan that is good for this once only is not kept, and neither is any when that is off", async () => {
  const once = described({ isLasting: false });
  for (const _ of [1, 2]) expect((await programOf(once.description)).details).toBe('{"a":1}');
  process.env["HUTCH_CACHE"] = "off";
  const off = described();
  for (const _ of [1, 2]) await programOf(off.description);
  expect([once.count.plans, off.count.plans]).toEqual([2, 2]);
  expect(existsSync(directory)).toBe(false);
});

test("a description that is refused is not kept", async () => {
  const { description } = described();
  const refused = { ...description, plan: () => Promise.reject(new RangeError("no")) };
  await expect(programOf(refused)).rejects.toThrow("no");
  expect(existsSync(directory)).toBe(false);
});
