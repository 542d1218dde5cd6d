import { expect, test } from "bun:test";
import { directory } from "../../src/cgroup/directory.ts";
import { writeSettings } from "../../src/cgroup/setting.ts";
import type { Step } from "../../src/plan/step.ts";

const WEB = directory("x", { parent: "/c", name: "web", ancestors: [] });
const GIVEN = directory("x", { parent: "/c", name: undefined, ancestors: [] });

const calls = (steps: readonly Step[]) => steps.flatMap((step) => (step.kind === "call" ? [step] : []));

test("a file that stands in is written where the first is not there, and only there", () => {
  const list = ["1", "8:0 2"].map((text) => ({
    controller: "io",
    file: "io.bfq.weight",
    text,
    otherwise: { file: "io.weight", text: `${text}0` },
  }));
  const steps = writeSettings(WEB, list, () => "no weights");
  expect(calls(steps).map(({ name, args }) => [name, args[1]])).toMatchObject([
    ["openat", "io.bfq.weight"],
    ["write", { text: '"1"' }],
    ["write", { text: '"8:0 2"' }],
    ["close", undefined],
    ["openat", "io.weight"],
    ["write", { text: '"10"' }],
    ["write", { text: '"8:0 20"' }],
    ["close", undefined],
  ]);
  const [open] = calls(steps);
  const missing = open?.errors?.ENOENT;
  const labels = steps.flatMap((step) => (step.kind === "label" ? [step.name] : []));
  expect(labels).toContain(typeof missing === "object" ? missing.to : "");
  expect(steps.filter(({ kind }) => kind === "jump")).toHaveLength(1);
  expect(calls(steps)[4]?.errors).toBeUndefined();
});

test("where nothing is as good, a file that is not there is passed over", () => {
  const list = [
    { controller: "memory", file: "memory.swap.max", text: "max", otherwise: "nothing" as const },
  ];
  const steps = writeSettings(WEB, list, () => "");
  expect(calls(steps).map(({ name }) => name)).toEqual(["openat", "write", "close"]);
  expect(steps.map(({ kind }) => kind)).toEqual(["call", "call", "call", "label"]);
});

test("only neighbours of one file share a descriptor, which is closed after the last", () => {
  const list = ["a", "a", "b", "a"].map((file) => ({ controller: "x", file, text: "1" }));
  const made = calls(writeSettings(WEB, list, () => ""));
  expect(made.map(({ name }) => name).join(" ")).toBe(
    "openat write write close openat write close openat write close",
  );
  const opened = made.filter(({ name }) => name === "openat").map(({ args }) => args.slice(0, 2));
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

test("many lines of one length are written by a loop, and told by the line", () => {
  const list = ["a 1", "b 2", "c 3", "d 4", "longer"].map((text) => ({ controller: "x", file: "f", text }));
  const steps = writeSettings(WEB, list, () => "");
  const writes = steps.filter((step) => step.kind === "call" && step.name === "write");
  expect(writes).toHaveLength(2);
  expect(writes[0]).toMatchObject({ args: [expect.anything(), { name: "cgroup line" }, 3] });
  expect(steps.find(({ kind }) => kind === "next")).toMatchObject({
    from: { strings: ["a 1", "b 2", "c 3", "d 4"] },
  });
  const four = ["ä", "ö", "ü", "ß"].map((text) => ({ controller: "x", file: "f", text }));
  expect(writeSettings(WEB, four, () => "").some(({ kind }) => kind === "next")).toBe(false);
});

test("lines that are written twice have labels of their own", () => {
  const many = (file: string) =>
    Array.from({ length: 5 }, (_, index) => ({ controller: "x", file, text: `c ${index}:3` }));
  const list = [
    ...many("a"),
    { controller: "x", file: "a", text: "c *:* m" },
    ...many("a"),
    ...many("b"),
    ...many("a"),
  ];
  const labels = writeSettings(WEB, list, () => "").flatMap((step) =>
    step.kind === "label" ? [step.name] : [],
  );
  expect(labels.length).toBe(8);
  expect(new Set(labels).size).toBe(8);
});
