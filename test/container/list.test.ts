import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type State, states, table } from "../../src/container/list.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const state = (change: Partial<State>): State => ({
  ociVersion: "1.3.0",
  id: "x",
  pid: 19293,
  status: "created",
  bundle: "/srv/a/box",
  rootfs: "/srv/a/box/rootfs",
  created: "2026-11-23T16:27:49.900370768Z",
  owner: "root",
  ...change,
});

test("the table is that of runc, column by column", () => {
  expect(table([state({})])).toBe(
    [
      "ID          PID         STATUS      BUNDLE       CREATED                          OWNER",
      "x           19293       created     /srv/a/box   2026-11-23T16:27:49.900370768Z   root",
      "",
    ].join("\n"),
  );
});

test("a long id moves the columns of every line", () => {
  const long = "a".repeat(30);
  const lines = table([state({}), state({ id: long, status: "stopped", pid: 0 })]).split("\n");
  expect(lines.slice(0, 3).map((line) => line.search(/PID|19293|0 {4}/))).toEqual([33, 33, 33]);
});

test("a root that is not there has no containers", () => {
  expect(states("/nowhere/at/all", () => {})).toEqual([]);
});

test("a container without a record is being created, and a damaged one is told", () => {
  const root = temporaryDirectory("root");
  mkdirSync(join(root, "fresh"));
  mkdirSync(join(root, "broken"));
  writeFileSync(join(root, "broken/record.json"), "{");
  const said: string[] = [];
  const found = states(root, (line) => said.push(line));
  expect(found.map(({ id, status, pid }) => [id, status, pid])).toEqual([["fresh", "creating", 0]]);
  expect(said.length).toBe(1);
  expect(said[0]).toContain("broken/record.json: is damaged");
});
