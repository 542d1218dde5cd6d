import { expect, test } from "bun:test";
import { directory } from "../../src/cgroup/directory.ts";
import { pidsMax, settings, writeSettings } from "../../src/cgroup/setting.ts";

const WEB = directory("x", { parent: "/c", name: "web", ancestors: [] });
const GIVEN = directory("x", { parent: "/c", name: undefined, ancestors: [] });

test("rows without a text are left out", () => {
  expect(
    settings([
      ["cpu", "cpu.shares", undefined],
      ["pids", "pids.max", "3"],
    ]),
  ).toEqual([{ controller: "pids", file: "pids.max", text: "3" }]);
});

test.each([
  [undefined, undefined],
  [5, "5"],
  [5n, "5"],
  [0, "max"],
  [-1, "max"],
])("a limit of %p processes is %p", (limit, text) => {
  expect(pidsMax(limit === undefined ? {} : { pids: { limit } })).toBe(text);
});

test("only neighbours of one file share a descriptor, which is closed after the last", () => {
  const list = ["a", "a", "b", "a"].map((file) => ({ controller: "x", file, text: "1" }));
  const calls = writeSettings(WEB, list, () => "").flatMap((step) => (step.kind === "call" ? [step] : []));
  expect(calls.map(({ name }) => name).join(" ")).toBe(
    "openat write write close openat write close openat write close",
  );
  const opened = calls.filter(({ name }) => name === "openat").map(({ args }) => args.slice(0, 2));
  expect(opened).toEqual([
    [WEB.self, "a"],
    [WEB.self, "b"],
    [WEB.self, "a"],
  ]);
});

test("a write of more than ASCII has the length of its bytes", () => {
  const write = writeSettings(WEB, [{ controller: "x", file: "f", text: "é" }], () => "")[1];
  expect(write?.kind === "call" ? write.args[2] : undefined).toBe(2);
});

test("a file that is not there has the hint of whoever knows why", () => {
  const steps = writeSettings(WEB, [{ controller: "x", file: "f", text: "1" }], ({ file }) => `no ${file}`);
  expect(steps[0]?.kind === "call" ? steps[0].hints?.ENOENT : undefined).toBe("no f");
});

test("a limit that is refused is told with its cgroup", () => {
  const list = [{ controller: "x", file: "f", text: "1" }];
  const refused = [WEB, GIVEN].map((each) => writeSettings(each, list, () => "")[1]);
  expect(refused[0]).toMatchObject({ name: "write", why: "limit x: write 1 to f of the cgroup /c/web" });
  expect(refused[0]).not.toHaveProperty("subject");
  expect(refused[1]).toMatchObject({
    why: "limit x: write 1 to f of the cgroup in /c:",
    subject: GIVEN.name,
  });
});
