/** What start refuses; what it does is in test/container/start.test.ts and test/e2e/lifecycle.test.ts. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { globalsOf } from "../../src/cli/globals.ts";
import { run } from "../../src/cli/start.ts";
import { recordOf } from "../../src/container/draft.ts";
import { hold, write } from "../../src/container/store.ts";
import { DRAFT } from "../container/fixture.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const start = async (root: string, ...words: string[]): Promise<void> =>
  run(words, { ...globalsOf(new Map()), root });

/** A root with the directory of one container. */
function rooted(): string {
  const root = temporaryDirectory("start");
  mkdirSync(join(root, "box"));
  return root;
}

test("there is one id, that of a container, and no option", async () => {
  const root = rooted();
  await expect(start(root)).rejects.toThrow("start: expected the container's ID");
  await expect(start(root, "box", "b")).rejects.toThrow("start: expected one ID, received box b");
  await expect(start(root, "--force", "box")).rejects.toThrow("unknown option --force");
  await expect(start(root, "../box")).rejects.toThrow("container id ../box");
  await expect(start(root, "crate")).rejects.toThrow("container crate: does not exist");
});

test("a container of which nothing is written down is being created", async () => {
  await expect(start(rooted(), "box")).rejects.toThrow("container box: is being created");
});

test("a container that is not created yet, or has ended, is refused, and its record left alone", async () => {
  const root = rooted();
  const record = recordOf(DRAFT, "box");
  const held = hold(root, "box");
  if (held === undefined) throw new Error("there is no container");
  write(held, record);
  await expect(start(root, "box")).rejects.toThrow("start container box: container is creating");
  write(held, { ...record, isCreated: true, init: { pid: process.pid, startTime: "0" } });
  await expect(start(root, "box")).rejects.toThrow("container not running, expected created");
  expect(readdirSync(join(root, "box"))).toEqual(["record.json"]);
});
