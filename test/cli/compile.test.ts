/** Where the command line of compile ends. */
import { describe, expect, test } from "bun:test";
import { command, run } from "../../src/cli/compile.ts";
import { takeOutput } from "../../src/cli/compile-output.ts";
import { readOptions } from "../../src/cli/option.ts";

const taken = (line: string) => {
  const { given, output } = takeOutput(readOptions(command, line.split(" ")));
  return { words: given.words.join(" "), output };
};

describe("the output", () => {
  test("stands before WHERE or at the very end", () => {
    const words = "R gcc x.c";
    for (const line of [`-o box ${words}`, `-obox ${words}`, `--output=box ${words}`, `${words} -o box`])
      expect({ line, ...taken(line) }).toEqual({ line, words, output: "box" });
    expect(taken(`${words} --output box`)).toEqual({ words, output: "box" });
    expect(taken(`${words} --output=box`)).toEqual({ words, output: "box" });
  });

  test("of the command is the command's when that of compile was given before", () => {
    for (const end of ["-o x", "--output=x"])
      expect(taken(`-o box R gcc ${end}`)).toEqual({ words: `R gcc ${end}`, output: "box" });
  });

  test("after a -- is the command's, whatever it looks like", () => {
    const words = "R sort -o out";
    for (const line of [`-o box R -- sort -o out`, `-o box -- R sort -o out`])
      expect(taken(line)).toEqual({ words, output: "box" });
    expect(taken("R -- sort -o out")).toEqual({ words, output: undefined });
  });

  test.each([
    [
      "R -- sort -o out",
      "-o is a part of the command, as all that follows --; -o FILE stands before WHERE then",
    ],
    ["-o x --rootfs-from-env R", "expected a command; hint: hutch compile -o FILE --rootfs-from-env R -- sh"],
    ["-o= R id", "-o: expected a file, received an empty name; hint: name the file to write"],
    ["--json --strip R id", "--strip: with --json there is no text to leave out; hint: leave out --strip"],
    ["--json --pack R id", "--json: the plan of a packed root is not written; hint: leave out --pack"],
    ["--bundle . -o x id", "--bundle: the command stands in config.json; hint: leave out id"],
    ["-o one --output=two R id", "-o two: -o one was given before; hint: compile writes one file"],
    ["R id -o x --memory 64m", "-o is a part of the command here; options stand before WHERE"],
    ["R id -o", "-o is a part of the command here"],
    ["R id -ox", "-ox is a part of the command here"],
    ["R id", "-o FILE stands before WHERE or at the very end; -o - is standard output"],
    ["--pack -o - R id", "-o -: a packed root takes a regular file"],
  ])("of compile %s is refused with a hint", (line, hint) => {
    return expect(run(line.split(" "))).rejects.toThrow(hint);
  });
});
