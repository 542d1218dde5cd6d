/** The freezer with directories that only look like cgroups; test/e2e/pause.test.ts freezes real ones. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { coldOf, holdStill, pause, resume } from "../../src/container/freezer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function cgroup(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory("cgroup");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), `${text}\n`);
  return directory;
}
const text = (directory: string, file: string): string => readFileSync(join(directory, file), "utf8").trim();

test("a container is frozen when one of its cgroups says that all is done, and freezing before", () => {
  const memory = cgroup({ "memory.limit_in_bytes": "1" });
  expect(coldOf([])).toBe("thawed");
  expect(coldOf([memory, "/nowhere"])).toBe("thawed");
  expect(coldOf([memory, cgroup({ "freezer.state": "THAWED" })])).toBe("thawed");
  expect(coldOf([memory, cgroup({ "freezer.state": "FREEZING" })])).toBe("freezing");
  expect(coldOf([memory, cgroup({ "freezer.state": "FROZEN" })])).toBe("frozen");
  const v2 = (freeze: number, frozen: number) =>
    coldOf([cgroup({ "cgroup.freeze": `${freeze}`, "cgroup.events": `populated 1\nfrozen ${frozen}` })]);
  expect([v2(0, 0), v2(1, 0), v2(1, 1)]).toEqual(["thawed", "freezing", "frozen"]);
});

test("who is held still goes on as before: thawed, or frozen when that was so", async () => {
  const states: readonly [before: string, between: string, after: string][] = [
    ["THAWED", "FROZEN", "THAWED"],
    ["FROZEN", "FROZEN", "FROZEN"],
  ];
  for (const [before, between, after] of states) {
    const directory = cgroup({ "freezer.state": before });
    const release = await holdStill(["/nowhere", directory]);
    expect(text(directory, "freezer.state")).toBe(between);
    await release();
    expect(text(directory, "freezer.state")).toBe(after);
  }
  await (await holdStill([]))();
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
