/** The freezer with directories that only look like cgroups; test/e2e/pause.test.ts freezes real ones. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFrozen, pause, resume } from "../../src/container/freezer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function cgroup(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory("cgroup");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), `${text}\n`);
  return directory;
}
const text = (directory: string, file: string): string => readFileSync(join(directory, file), "utf8").trim();

test("a container is frozen when one of its cgroups is, or is about to be", () => {
  const memory = cgroup({ "memory.limit_in_bytes": "1" });
  expect(isFrozen([])).toBe(false);
  expect(isFrozen([memory, "/nowhere"])).toBe(false);
  expect(isFrozen([memory, cgroup({ "freezer.state": "THAWED" })])).toBe(false);
  expect(isFrozen([memory, cgroup({ "freezer.state": "FREEZING" })])).toBe(true);
  expect(isFrozen([memory, cgroup({ "freezer.state": "FROZEN" })])).toBe(true);
  expect(isFrozen([cgroup({ "cgroup.freeze": "1" })])).toBe(true);
  expect(isFrozen([cgroup({ "cgroup.freeze": "0" })])).toBe(false);
});

test("pause and resume write the words of the version that is there", async () => {
  const v1 = cgroup({ "freezer.state": "THAWED" });
  await pause("box", ["/nowhere", v1]);
  expect(text(v1, "freezer.state")).toBe("FROZEN");
  await resume("box", [v1]);
  expect(text(v1, "freezer.state")).toBe("THAWED");
  const v2 = cgroup({ "cgroup.freeze": "0", "cgroup.events": "populated 1\nfrozen 1" });
  await pause("box", [v2]);
  expect(text(v2, "cgroup.freeze")).toBe("1");
});

test("what does not freeze in time is an error, and thawed again", async () => {
  const stubborn = cgroup({ "cgroup.freeze": "0", "cgroup.events": "populated 1\nfrozen 0" });
  const begin = Date.now();
  const paused = pause("box", [stubborn]);
  await expect(paused).rejects.toThrow("pause container box: its processes could not be frozen");
  expect(Date.now() - begin).toBeLessThan(10_000);
  expect(text(stubborn, "cgroup.freeze")).toBe("0");
}, 20_000);

test("without a cgroup that can be frozen nothing can be paused or resumed", async () => {
  const cgroups = [cgroup({ "memory.limit_in_bytes": "1" })];
  await expect(pause("box", cgroups)).rejects.toThrow(
    "pause container box: it has no cgroup that can be frozen",
  );
  await expect(resume("box", [])).rejects.toThrow(
    "resume container box: it has no cgroup that can be frozen",
  );
});
