/** What create refuses, before it has an effect; what it does is in test/e2e/lifecycle.test.ts. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/cli/create.ts";
import { globalsOf } from "../../src/cli/globals.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import { lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const cache = process.env["HUTCH_CACHE"];
let root = "";

beforeEach(() => {
  root = join(temporaryDirectory("create"), "root");
  process.env["HUTCH_CACHE"] = "off";
});

afterEach(() => {
  if (cache === undefined) delete process.env["HUTCH_CACHE"];
  else process.env["HUTCH_CACHE"] = cache;
});

/** Why nothing is created; there is no state of it either. */
async function refusal(...words: string[]): Promise<string> {
  const text = await run(words, { ...globalsOf(new Map()), root }).then(
    () => "created",
    (error: Error) => error.message,
  );
  expect(existsSync(root)).toBe(false);
  return text;
}

const NOWHERE = ["--bundle", "/nowhere/box"];

describe("an id that could name another directory is refused", () => {
  for (const id of ["", ".", "..", "a/b", "../a", "a b", "a\0", "programs", "a".repeat(241)]) {
    test(JSON.stringify(id.slice(0, 20)), async () =>
      expect(await refusal(...NOWHERE, id)).toContain("container id "),
    );
  }
});

test("there is one id, and every option is known", async () => {
  expect(await refusal()).toContain("create: expected the container's ID");
  expect(await refusal("a", "b")).toContain("create: expected one ID, received a b");
  expect(await refusal("--detach", "a")).toContain("unknown option --detach");
  expect(await refusal("a", "--preserve-fds", "x")).toContain("--preserve-fds x: expected a whole number");
});

test("a bundle that is missing is told by its path", async () => {
  expect(await refusal(...NOWHERE, "a")).toStartWith("bundle /nowhere/box: ENOENT");
});

/** A bundle that could be created. */
function bundle(terminal: boolean): string {
  const directory = temporaryDirectory("bundle");
  const { process, linux, ...rest } = defaultSpec();
  const { cgroupsPath: _, resources: __, ...unlimited } = linux ?? {};
  mkdirSync(join(directory, "rootfs"));
  const config = { ...rest, linux: unlimited, process: { ...process, terminal } };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  return directory;
}

const asRoot = testUnless(lacksRoot());

asRoot("a terminal has to be sent somewhere, and somebody has to listen there", async () => {
  const words = ["--bundle", bundle(true), "a"];
  expect(await refusal(...words)).toContain(
    "process.terminal: expected --console-socket; hint: without a terminal: false there in config.json",
  );
  expect(await refusal("--console-socket", `${root}.sock`, ...words)).toContain(
    `connect to ${root}.sock: ENOENT`,
  );
});

asRoot("a pidfd that nobody takes, and descriptors that nobody has opened, are refused", async () => {
  const words = ["--bundle", bundle(false), "a"];
  expect(await refusal("--pidfd-socket", `${root}.sock`, ...words)).toContain(
    `connect to ${root}.sock: ENOENT`,
  );
  expect(await refusal("--preserve-fds", "5000", ...words)).toContain(
    "--preserve-fds 5000: expected at most 97",
  );
  expect(await refusal("--preserve-fds", "97", ...words)).toContain("--preserve-fds 97: descriptor ");
});
