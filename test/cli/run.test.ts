import { describe, expect, test } from "bun:test";
import { globalsOf } from "../../src/cli/globals.ts";
import { run } from "../../src/cli/run.ts";

/** A bundle that is missing stops a start whose id was taken, before it has an effect. */
const NO_BUNDLE = "bundle /nowhere/box: ENOENT";

/** What is said about a start; an async function, because a refusal is thrown before there is a promise. */
const start = async (...words: string[]): Promise<void> =>
  run(["--bundle", "/nowhere/box", ...words], globalsOf(new Map()));

describe("an id that could name another directory is refused", () => {
  for (const id of ["", ".", "..", "a/b", "../a", "a b", "a\n", "ü", "a\0", "a".repeat(241)]) {
    test(JSON.stringify(id.slice(0, 20)), () => expect(start(id)).rejects.toThrow("container id "));
  }
});

describe("any other id is taken", () => {
  for (const id of ["a", "...", ".a", "A_9+b.c-d", "a".repeat(240)]) {
    test(id.slice(0, 20), () => expect(start(id)).rejects.toThrow(NO_BUNDLE));
  }
});

test("there is one id", async () => {
  await expect(start()).rejects.toThrow("run: expected the container's ID");
  await expect(start("a", "b")).rejects.toThrow("run: expected one ID, received a b");
});

test("descriptors that are the program's own cannot be handed on", async () => {
  await expect(start("a", "--preserve-fds", "98")).rejects.toThrow("--preserve-fds 98: expected at most 97");
});

test("options may stand after the id", async () => {
  await expect(start("a", "--preserve-fds", "x")).rejects.toThrow(
    "--preserve-fds x: expected a whole number",
  );
});
