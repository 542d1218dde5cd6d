/** `next` and `subject` mean the same to perform and to emit; and so do the other steps of a plan that makes files. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { perform } from "../../src/host/perform.ts";
import { AT_FDCWD, O_CREAT, O_WRONLY } from "../../src/linux/fcntl.ts";
import {
  buffer,
  call,
  compute,
  exit,
  guard,
  jump,
  label,
  set,
  slot,
  strings,
  writeFile,
} from "../../src/plan/build.ts";
import { printPlan } from "../../src/plan/print.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { contract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const PATH = slot("path");
const COUNT = slot("count");

/** A directory for each string, each time the list is gone through. */
const makeDirectories = (names: readonly string[], tag = ""): Step[] => [
  label(`next${tag}`),
  { kind: "next", into: PATH, from: strings(names), done: `done${tag}` },
  compute(COUNT, COUNT, "add", 1),
  call("make", "mkdirat", [AT_FDCWD, PATH, 0o755], { subject: PATH, errors: { EEXIST: "ignore" } }),
  jump(`next${tag}`),
  label(`done${tag}`),
];

/** What a directory holds, as the kernel shows it. */
function picture(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => {
      const path = join(directory, name);
      const status = lstatSync(path);
      const content = status.isSymbolicLink()
        ? readlinkSync(path)
        : status.isFile()
          ? readFileSync(path, "utf8")
          : "";
      return `${name} ${status.mode.toString(8)} ${content}`;
    });
}

const filePlan = (directory: string): Plan => {
  const number = slot("number");
  return [
    call("no umask", "umask", [0]),
    ...makeDirectories([join(directory, "a"), join(directory, "b"), join(directory, "ä c")]),
    call("link", "symlinkat", ["a", AT_FDCWD, join(directory, "link")]),
    ...writeFile("write", AT_FDCWD, join(directory, "text"), "content\n", {
      flags: O_WRONLY | O_CREAT,
      into: slot("file"),
    }),
    call("mode", "fchmodat", [AT_FDCWD, join(directory, "text"), 0o640]),
    set(number, 12345),
    { kind: "decimal", to: buffer("name", 24), value: number },
    call("by number", "symlinkat", [buffer("name", 24), AT_FDCWD, join(directory, "number")]),
  ];
};

const EXPECTED = [
  "a 40755 ",
  "b 40755 ",
  "link 120777 a",
  "number 120777 12345",
  "text 100640 content\n",
  "ä c 40755 ",
];

describe("a plan that makes files", () => {
  test("performed by Bun", () => {
    const directory = temporaryDirectory("perform");
    const mask = process.umask();
    try {
      perform(filePlan(directory));
    } finally {
      process.umask(mask);
    }
    expect(picture(directory)).toEqual(EXPECTED);
  });

  contract("as a program", (machine) => {
    const directory = temporaryDirectory("emitted");
    expect(machine.run(filePlan(directory))).toMatchObject({ code: 0, stderr: "" });
    expect(picture(directory)).toEqual(EXPECTED);
  });
});

describe("next", () => {
  const none: Plan = [...makeDirectories([]), exit(COUNT, "say how often")];

  test("goes on at once after an empty list, with 0 in the slot", () => {
    const { slots } = perform(makeDirectories([]));
    expect([slots.get("count") ?? 0n, slots.get("path")]).toEqual([0n, 0n]);
  });

  contract("an empty list has nothing to take", (machine) => {
    expect(machine.run(none).code).toBe(0);
  });

  const twice = (directory: string): Step[] => {
    const rounds = slot("rounds");
    return [
      label("again"),
      compute(rounds, rounds, "add", 1),
      ...makeDirectories([join(directory, "x"), join(directory, "y")]),
      { kind: "branch", left: rounds, is: "lt", right: 3, to: "again" },
    ];
  };

  test("begins anew after the last, in Bun", () => {
    const { slots } = perform(twice(temporaryDirectory("perform")));
    expect([slots.get("count"), slots.get("path")]).toEqual([6n, 0n]);
  });

  contract("begins anew after the last", (machine) => {
    const plan = [...twice(temporaryDirectory("emitted")), exit(COUNT, "say how often")];
    expect(machine.run(plan).code).toBe(6);
  });

  contract("two steps with equal lists do not share their place in them", (machine) => {
    const directory = temporaryDirectory("emitted");
    const names = [join(directory, "x"), join(directory, "y")];
    const other = slot("other");
    const plan: Plan = [
      { kind: "next", into: PATH, from: strings(names), done: "never" },
      { kind: "next", into: other, from: strings(names), done: "never" },
      call("make", "mkdirat", [AT_FDCWD, other, 0o755]),
      exit(0, "end"),
      label("never"),
      exit(9, "never"),
    ];
    expect(machine.run(plan).code).toBe(0);
    expect(readdirSync(directory)).toEqual(["x"]);
  });
});

describe("subject", () => {
  const failing = (directory: string): Plan => [
    label("next"),
    {
      kind: "next",
      into: PATH,
      from: strings([join(directory, "one"), join(directory, "missing/two")]),
      done: "done",
    },
    call("make the directory", "mkdirat", [AT_FDCWD, PATH, 0o755], {
      subject: PATH,
      hints: { ENOENT: "make its parent first" },
      exitCode: 42,
    }),
    jump("next"),
    label("done"),
  ];
  const MESSAGE = "missing/two: mkdirat: ENOENT (no such file or directory); hint: make its parent first";

  test("names the string that the call failed with, in Bun", () => {
    const directory = temporaryDirectory("perform");
    expect(() => perform(failing(directory))).toThrow(`make the directory ${directory}/${MESSAGE}`);
  });

  contract("names the string that the call failed with", (machine) => {
    const directory = temporaryDirectory("emitted");
    const { code, stderr } = machine.run(failing(directory));
    expect({ code, stderr }).toEqual({
      code: 42,
      stderr: `hutch: make the directory ${directory}/${MESSAGE}\n`,
    });
  });

  contract("is named when a guard sends the failure elsewhere, too", (machine) => {
    const directory = temporaryDirectory("emitted");
    mkdirSync(join(directory, "one"));
    const plan: Plan = [
      guard("undo"),
      ...failing(directory),
      exit(0, "no"),
      label("undo"),
      exit(7, "undone"),
    ];
    const { code, stderr } = machine.run(plan);
    expect(code).toBe(7);
    expect(stderr).toContain(`make the directory ${directory}/one: mkdirat: EEXIST`);
  });

  test("is shown in the printed plan by its list", () => {
    expect(printPlan(failing("/d"), "x86_64")).toContain(
      '<path> = the next of ["/d/one", "/d/missing/two"]; after the last: go to "done"',
    );
  });
});
