/** Words of other tools, and what hutch has in their place. */
import { describe, expect, test } from "bun:test";
import { familiar, familiarCommand, familiarProcessor } from "../../src/cli/familiar.ts";
import { command as inCommand } from "../../src/cli/in.ts";
import { loadAll } from "../../src/cli/main.ts";
import { readOptions } from "../../src/cli/option.ts";
import { IN_OPTIONS } from "../../src/options/in-options.ts";

const IN = new Set(IN_OPTIONS.map(({ name }) => name));
const WORDS = (
  "i interactive rm v volume mount net network p publish name d detach privileged security-opt pids-limit setenv " +
  "t tty e env m memory cpus pids w workdir u user hostname cap-add read-only s signal 9 KILL a all cpuset dir " +
  "proc dev D root x ephemeral ro pid uid gid U userns no-new-privileges cpuset-cpus env-file add-host dns M cwd"
).split(" ");

describe("an option of another tool", () => {
  test.each(["-it", "-ti", "-i", "--interactive", "--rm", "-v", "--volume", "--privileged", "--net=host"])(
    "%s is unknown, with what to use in its place",
    (word) => {
      expect(() => readOptions(inCommand, [word, "/", "sh"])).toThrow(
        /^in: unknown option .*; hint: (?!did you mean|see hutch)/,
      );
    },
  );

  test.each([
    ["run", "--rm", "a container in the foreground goes by itself"],
    ["run", "-it", "config.json of the bundle says it"],
    ["create", "--volume", "config.json of the bundle says it"],
    ["exec", "-it", "-t alone gives it a terminal"],
    ["exec", "-ti", "-t alone gives it a terminal"],
    ["exec", "--workdir", "--cwd DIR"],
    ["kill", "-9", "hutch kill ID KILL"],
    ["kill", "-s", "hutch kill ID KILL"],
    ["ps", "-a", "hutch list"],
    ["update", "--cpus", "--cpu-quota MICROSECONDS"],
    ["compile", "--volume", "--bind SOURCE:DESTINATION"],
  ])("hutch %s %s is told with what that command has", async (name, word, hint) => {
    const found = (await loadAll()).find((each) => each.command.name === name);
    if (found === undefined) throw new Error(`no command ${name}`);
    expect(() => readOptions(found.command, [word, "x"])).toThrow(hint);
  });

  test("is told with options that exist", async () => {
    for (const { command } of await loadAll()) {
      const options = new Set(command.options.map(({ name }) => name));
      for (const word of WORDS) {
        const hint =
          familiar(command.name, word)?.replaceAll(/hutch (run|in|exec) [^;,]*--[a-z]+/g, "") ?? "";
        const named = [...hint.matchAll(/--([a-z-]+)/g)].map((each) => each[1] ?? "");
        const isForeign = (name: string) =>
          !options.has(name) && !(hint.startsWith("hutch in") && IN.has(name));
        expect({ command: command.name, word, foreign: named.filter(isForeign) }).toEqual({
          command: command.name,
          word,
          foreign: [],
        });
        // A word that the command has needs no hint.
        expect({ word, known: hint !== "" && options.has(word) }).toEqual({ word, known: false });
      }
    }
  });

  test("is none that every object has", () => {
    expect([familiar("in", "toString"), familiar("toString", "call"), familiarCommand("toString")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a command of another tool", () => {
  test("is told with commands that exist", async () => {
    const commands = (await loadAll()).map(({ command }) => command.name);
    for (const word of [
      "ls",
      "inspect",
      "rm",
      "stop",
      "restart",
      "top",
      "stats",
      "unpause",
      "logs",
      "shell",
    ]) {
      const hint = familiarCommand(word) ?? "";
      expect(hint).toContain("hutch ");
      for (const [, name = ""] of hint.matchAll(/hutch ([a-z]+) (?:ID|-|\/)/g))
        expect(commands).toContain(name);
      expect(commands).not.toContain(word);
    }
  });
});

test("a processor has the kernel's name", () => {
  expect(["arm64", "amd64", "ARM64", "mips"].map(familiarProcessor)).toEqual([
    "aarch64",
    "x86_64",
    "aarch64",
    undefined,
  ]);
});
