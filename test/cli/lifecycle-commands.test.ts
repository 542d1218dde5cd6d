/** The command lines of state, update, kill, delete, list and ps; what they do is in test/e2e. */
import { expect, test } from "bun:test";
import * as deletion from "../../src/cli/delete.ts";
import { formatOf } from "../../src/cli/format.ts";
import type { Globals } from "../../src/cli/globals.ts";
import * as kill from "../../src/cli/kill.ts";
import * as list from "../../src/cli/list.ts";
import { readOptions } from "../../src/cli/option.ts";
import * as ps from "../../src/cli/ps.ts";
import * as state from "../../src/cli/state.ts";
import * as update from "../../src/cli/update.ts";

const globals: Globals = {
  root: "/nowhere/at/all",
  logFormat: "text",
  debug: false,
  systemdCgroup: false,
  cgroupManager: "cgroupfs",
  rootless: "auto",
};

type Module = {
  readonly run: (argv: readonly string[], globals: Globals) => void | Promise<void>;
};

/** What a command says when it fails. */
async function failure({ run }: Module, ...argv: readonly string[]): Promise<string> {
  try {
    await run(argv, globals);
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
  return "";
}

const WITH_ID = { state, kill, delete: deletion, ps };

for (const [name, module] of Object.entries(WITH_ID)) {
  test(`${name} needs an id, one that an id can be, and a container of that id`, async () => {
    expect(await failure(module)).toContain("expected the container's ID");
    expect(await failure(module, "../x")).toContain("container id ../x");
    expect(await failure(module, "x")).toContain("container x: does not exist");
    expect(await failure(module, "--no-such", "x")).toContain("unknown option --no-such");
  });
}

test("update needs a limit", async () => {
  expect(await failure(update, "x")).toContain(
    "expected a limit, or --resources; hint: hutch update --memory",
  );
  expect(await failure(update, "--pids-limit=", "x")).toContain("container x: does not exist");
});

test("too many words are refused before anything is looked at", async () => {
  expect(await failure(state, "x", "y")).toContain("expected one ID");
  expect(await failure(deletion, "--force", "x", "y")).toContain("expected one ID");
  expect(await failure(kill, "x", "9", "y")).toContain("expected ID and SIGNAL");
  expect(await failure(list, "x")).toContain("expected no words");
});

test("a signal that there is not is refused before anything is looked at", async () => {
  expect(await failure(kill, "x", "NOTHING")).toContain('signal "NOTHING": is not known');
  expect(await failure(kill, "--all", "x", "65")).toContain('signal "65": is not known');
});

test("by force, a container that is not there is deleted in silence", async () => {
  for (const flag of ["--force", "-f", "-force"]) expect(await failure(deletion, flag, "x")).toBe("");
});

test("the format is table or json, and what follows the id of ps is for ps", () => {
  const format = (...argv: readonly string[]) => formatOf(readOptions(ps.command, argv));
  expect([format("x"), format("-f", "json", "x"), format("--format=table", "x"), format("x", "-f")]).toEqual([
    "table",
    "json",
    "table",
    "table",
  ]);
  expect(() => format("-f", "xml", "x")).toThrow("invalid format option xml");
});
