/** Who init is, told by its launcher's notes and the kernel. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { enlist } from "../../src/container/foreground.ts";
import { identify } from "../../src/container/identity.ts";
import { launched, OOM, PID } from "../../src/container/launched.ts";
import { read } from "../../src/container/store.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { recordWith } from "./fixture.ts";

const RECORD = recordWith({ id: "box", isCreated: false });

const own = identify(process.pid);
const withLauncher = { ...RECORD, ...(own === undefined ? {} : { launcher: own }) };

test("a record of create is left as it is", () => {
  expect(launched("/nowhere", RECORD)).toBe(RECORD);
});

test("init is not known before the launcher has written it down", () => {
  const directory = temporaryDirectory("launched");
  expect(launched(directory, withLauncher).init).toBeUndefined();
  writeFileSync(join(directory, PID), "");
  expect(launched(directory, withLauncher).init).toBeUndefined();
});

test("a child of the launcher is init, and made when it has another program", async () => {
  const directory = temporaryDirectory("launched");
  const child = Bun.spawn(["/bin/sleep", "60"]);
  try {
    writeFileSync(join(directory, PID), `${child.pid}`);
    const { init, isCreated } = launched(directory, withLauncher);
    expect(init).toEqual(identify(child.pid));
    expect(isCreated).toBe(true);
  } finally {
    child.kill();
    await child.exited;
  }
  expect(launched(directory, withLauncher).init?.pid).toBe(0);
});

test("a process that is not the launcher's child has only got the number of an init that has ended", () => {
  const directory = temporaryDirectory("launched");
  writeFileSync(join(directory, PID), "1");
  expect(launched(directory, withLauncher).init?.pid).toBe(0);
});

test("of a launcher that has ended, no pid is believed", () => {
  const directory = temporaryDirectory("launched");
  writeFileSync(join(directory, PID), `${process.pid}`);
  const gone = { ...RECORD, launcher: { pid: process.ppid, startTime: "0" } };
  expect(launched(directory, gone).init?.pid).toBe(0);
});

test("run takes its id, writes itself down as the launcher, and tells its program the paths", () => {
  const root = join(temporaryDirectory("launched"), "root");
  const { id: _, init: __, isCreated: ___, created: ____, unit: _____, ...draft } = RECORD;
  const wish = { ...draft, namespaces: [], terminal: false };
  const paths = enlist({ root, id: "box", pidFile: undefined, report: undefined }, wish);
  const at = (name: string): string => `${root}/box/${name}`;
  expect(paths).toEqual(["", at(PID), at("record.json"), `${root}/box`, at(OOM)]);
  expect(read(root, "box")?.launcher).toEqual(own);
  expect(() => enlist({ root, id: "box", pidFile: undefined, report: undefined }, wish)).toThrow(
    "already exists",
  );
});
