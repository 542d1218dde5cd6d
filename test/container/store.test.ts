/** What is written down of a container is never mixed with a later one of the same id. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { recordOf } from "../../src/container/draft.ts";
import { forget, hold, read, reserve, write, writeSummary } from "../../src/container/store.ts";
import { SUMMARY } from "../../src/plan/summary.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { DRAFT } from "./fixture.ts";

const RECORD = recordOf(DRAFT, "box");
const place = (): string => join(temporaryDirectory("store"), "root");

test("an id belongs to one, until it is forgotten", () => {
  const root = place();
  const held = reserve(root, "box");
  expect(() => reserve(root, "box")).toThrow("container box: already exists");
  write(held, RECORD);
  expect(read(root, "box")?.id).toBe("box");
  expect(forget(held)).toBe(true);
  expect(() => read(root, "box")).toThrow("does not exist");
  reserve(root, "box");
});

test("of many who forget a container, one has done it", () => {
  const root = place();
  write(reserve(root, "box"), RECORD);
  const many = [1, 2, 3].map(() => hold(root, "box"));
  const answers = many.map((held) => {
    try {
      return held !== undefined && forget(held);
    } catch {
      return false; // its directory can no longer be listed
    }
  });
  expect(answers.filter((isOurs) => isOurs)).toHaveLength(1);
  expect(readdirSync(root)).toEqual([]);
});

test("a slow creation writes nothing into a later container, and does not forget it", () => {
  const root = place();
  const slow = reserve(root, "box");
  write(slow, RECORD);
  const deleter = hold(root, "box");
  expect(deleter !== undefined && forget(deleter)).toBe(true);
  const later = reserve(root, "box");
  expect(() => write(slow, { ...RECORD, bundle: "/slow" })).toThrow("ENOENT");
  expect(() => forget(slow)).toThrow("ENOENT");
  expect(existsSync(join(root, "box"))).toBe(true);
  write(later, RECORD);
  expect(read(root, "box")?.bundle).toBe("/");
});

test("what a creation writes while it is forgotten goes too", () => {
  const root = place();
  const held = reserve(root, "box");
  for (const _ of [1, 2]) write(held, RECORD);
  expect(forget(held)).toBe(true);
  expect(hold(root, "box")).toBeUndefined();
});

test("a container with a unit of systemd has no summary, so that Bun deletes it", () => {
  const root = join(temporaryDirectory("store"), "root");
  const held = reserve(root, "box");
  const record = { ...RECORD, init: { pid: process.pid, startTime: "1" } };
  writeSummary(held, { ...record, unit: { name: "a-b.scope", isUser: false } });
  expect(existsSync(join(root, "box", SUMMARY))).toBe(false);
  writeSummary(held, record);
  expect(existsSync(join(root, "box", SUMMARY))).toBe(true);
});
