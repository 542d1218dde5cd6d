/** The launcher's notes, written and removed by the compiled program, on both architectures. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { set, slot } from "../../src/plan/build.ts";
import { forget, noteOom, notePid } from "../../src/plan/note.ts";
import { noteArguments } from "../../src/plan/note-arguments.ts";
import type { Step } from "../../src/plan/step.ts";
import { contract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const INIT = slot("init");
const NOTE: Step[] = [set(INIT, 4711), ...notePid(INIT)];

/** A directory as `run` makes it, and the arguments that lead there. */
function place() {
  const above = temporaryDirectory("note");
  const directory = join(above, "box");
  mkdirSync(directory);
  const [pid, record] = [join(directory, "pid"), join(directory, "record.json")];
  writeFileSync(record, "{}");
  return { above, directory, pid, record, oom: join(directory, "oom") };
}

test("arguments end before the first path that is not wanted, for the program counts them", () => {
  expect(noteArguments({})).toEqual([]);
  expect(noteArguments({ report: "r" })).toEqual(["r"]);
  const notes = { pid: "a", record: "b", directory: "c", oom: "o" };
  expect(noteArguments(notes)).toEqual(["", "a", "b", "c", "o"]);
  const files = { "new pid file": "d", "pid file": "e" };
  expect(noteArguments({ report: "r", ...notes, ...files })).toEqual(["r", "a", "b", "c", "o", "d", "e"]);
});

contract("that memory ran out is noted once somebody was killed, and where the state is kept", (machine) => {
  const { directory, pid, record, oom } = place();
  const kills = slot("kills");
  const args = ["hutch-box", ...noteArguments({ pid, record, directory, oom })];
  for (const count of [-1, 0, 1, 2]) {
    machine.run([set(kills, count), ...noteOom(kills)], undefined, { args });
    expect(existsSync(oom)).toBe(count > 0);
  }
  expect(machine.run([set(kills, 1), ...noteOom(kills)], undefined, { args: ["hutch-box"] }).stderr).toBe("");
});

contract("the pid is written where it is wanted, and nowhere else", (machine) => {
  const { above, directory, pid, record, oom } = place();
  const [newFile, pidFile] = [join(above, "new"), join(above, "pid")];
  const paths = { pid, record, directory, oom };
  machine.run(NOTE, undefined, { args: ["hutch-box", ...noteArguments(paths)] });
  expect(readFileSync(pid, "utf8")).toBe("4711");
  expect(readdirSync(above)).toEqual(["box"]);
  const all = { ...paths, "new pid file": newFile, "pid file": pidFile };
  machine.run(NOTE, undefined, { args: ["hutch-box", ...noteArguments(all)] });
  expect(readFileSync(pidFile, "utf8")).toBe("4711");
  expect(readdirSync(above).sort()).toEqual(["box", "pid"]);
});

contract("a pid file that cannot be written is told by its path", (machine) => {
  const { above, directory, pid, record, oom } = place();
  const file = join(above, "nowhere", "pid");
  const paths = { pid, record, directory, oom, "new pid file": `${file}.hutch`, "pid file": file };
  const { code, stderr } = machine.run(NOTE, undefined, { args: ["hutch-box", ...noteArguments(paths)] });
  expect(code).toBe(125);
  expect(stderr).toContain("ENOENT");
  expect(stderr).toContain(`${file}.hutch`);
});

contract("a container is forgotten once, and whoever was faster is no failure", (machine) => {
  const { above, ...paths } = place();
  const args = ["hutch-box", ...noteArguments(paths)];
  for (const _ of [1, 2]) {
    expect(machine.run(forget(), undefined, { args })).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(above)).toEqual([]);
  }
});

contract("without arguments nothing is written, and nothing removed", (machine) => {
  expect(machine.run([...NOTE, ...forget()], undefined, { args: ["hutch-box"] })).toMatchObject({
    code: 0,
    stderr: "",
  });
});
