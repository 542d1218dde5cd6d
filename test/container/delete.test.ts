import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deleteForced, deleteStopped } from "../../src/container/delete.ts";
import { removeCgroups } from "../../src/container/remove-cgroups.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { recordWith } from "./fixture.ts";

const silent = (): void => {};

const RECORD = recordWith();

/** A root with a container x of this record. */
function rootWith(record: string | undefined): string {
  const root = temporaryDirectory("root");
  mkdirSync(join(root, "x"));
  if (record !== undefined) writeFileSync(join(root, "x/record.json"), record);
  return root;
}

test("a container that is not there: deleted by force in silence, else an error", async () => {
  const root = temporaryDirectory("root");
  await deleteForced(root, "x", silent);
  await deleteForced("/nowhere", "x", silent);
  await expect(deleteStopped(root, "x", silent)).rejects.toThrow("container x: does not exist");
});

test("a directory without a record, with a damaged one or with leftovers goes by force alone", async () => {
  for (const record of [undefined, "{", JSON.stringify(RECORD)]) {
    const root = rootWith(record);
    writeFileSync(join(root, "x/record.json.123"), "");
    await expect(deleteStopped(root, "x", silent)).rejects.toThrow();
    expect(existsSync(join(root, "x"))).toBeTrue();
    await deleteForced(root, "x", silent);
    expect(existsSync(join(root, "x"))).toBeFalse();
  }
});

test("a process that has taken init's number survives the deletion", async () => {
  const bystander = Bun.spawn(["sleep", "1000"]);
  const root = rootWith(JSON.stringify({ ...RECORD, init: { pid: bystander.pid, startTime: "1" } }));
  await deleteStopped(root, "x", silent);
  expect(existsSync(join(root, "x"))).toBeFalse();
  expect(existsSync(`/proc/${bystander.pid}/root`)).toBeTrue();
  bystander.kill("SIGKILL");
});

test("cgroups that are gone already are no error", () => {
  expect(() => removeCgroups([])).not.toThrow();
  expect(() => removeCgroups(["/nowhere/at/all", "/sys/fs/cgroup/hutch-never-made"])).not.toThrow();
});

test("a cgroup that cannot be removed is told", () => {
  const parent = temporaryDirectory("cgroup");
  mkdirSync(join(parent, "box"));
  // A file that stays keeps the directory, as a process keeps a cgroup.
  writeFileSync(join(parent, "box/file"), "");
  expect(() => removeCgroups([join(parent, "box")])).toThrow(`remove the cgroup ${parent}/box`);
});
