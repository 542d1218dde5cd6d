/** Finding the command, in a process of its own: main ends the one it runs in. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type HutchResult, run } from "../support/hutch.ts";
import { ROOT } from "../support/source.ts";

const main = (...argv: string[]): Promise<HutchResult> =>
  run([process.execPath, join(ROOT, "bin/hutch.ts"), ...argv]);

describe("a name that every object has is no command", () => {
  for (const name of ["toString", "__proto__", "constructor"]) {
    test(name, async () => {
      const { code, stdout, stderr } = await main(name);
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      expect(stderr).toBe(`hutch: unknown command ${name}; hint: see hutch --help\n`);
    });
    test(`help ${name}`, async () => {
      const { code, stdout, stderr } = await main("help", name);
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      expect(stderr).toBe(`hutch: unknown command ${name}; hint: see hutch --help\n`);
    });
  }
});

test("help without a command, or with itself, is of all commands", async () => {
  for (const words of [["help"], ["help", "--help"], ["help", "help"]]) {
    const { code, stdout } = await main(...words);
    expect({ words, code }).toEqual({ words, code: 0 });
    expect(stdout).toContain("USAGE\n\n  hutch [GLOBAL OPTIONS] COMMAND");
  }
});

test("the value of an option is not asked for help", async () => {
  expect((await main("run", "--bundle", "--help")).stderr).toContain("run: expected the container's ID");
  expect((await main("run", "--init", "--help")).stdout).toStartWith("hutch run: ");
});

test("an error that stops hutch is 125, on standard error, without colours for a pipe", async () => {
  expect(await main("in", "/nowhere/root", "true")).toMatchObject({
    code: 125,
    stdout: "",
    stderr: expect.stringMatching(
      /^hutch: WHERE \/nowhere\/root: ENOENT \(no such file or directory\); hint: /,
    ),
  });
});
