/** Reading a command line by a table of options. */
import { describe, expect, test } from "bun:test";
import { all, type Command, has, last, readOptions } from "../../src/cli/option.ts";
import { distance, nearest } from "../../src/options/nearest.ts";

const COMMAND: Command = {
  name: "try",
  summary: "",
  usage: "",
  options: [
    { name: "memory", short: "m", value: "SIZE", help: "" },
    { name: "overlay", value: "DIR", optional: true, help: "" },
    { name: "tty", short: "t", help: "" },
  ],
  stopsAtWord: true,
  examples: [],
};
const ANYWHERE: Command = { ...COMMAND, stopsAtWord: false };
const read = (line: string, command = COMMAND) => readOptions(command, line.split(" ").filter(Boolean));

describe("an option", () => {
  test("has its value behind it, after =, or by its short name", () => {
    for (const line of ["--memory 1g", "--memory=1g", "-m 1g", "-m=1g", "-memory 1g", "-memory=1g"]) {
      expect({ line, value: last(read(line), "memory") }).toEqual({ line, value: "1g" });
    }
  });

  test("of one letter may stand together with others, and with its value", () => {
    const given = read("-tm64m sh");
    expect([has(given, "tty"), last(given, "memory"), given.words]).toEqual([true, "64m", ["sh"]]);
    expect(last(read("-tm 1g"), "memory")).toBe("1g");
    expect(last(read("-ma=b"), "memory")).toBe("a=b");
    expect(() => read("-tx")).toThrow("try: unknown option -tx");
    expect(() => read("-tm")).toThrow("try: -m needs a value: SIZE");
  });

  test("takes what looks like an option as its value", () => {
    expect(last(read("--memory --tty"), "memory")).toBe("--tty");
  });

  test("that may stand alone takes a value by = only", () => {
    const given = read("--overlay /srv sh");
    expect([last(given, "overlay"), given.words]).toEqual(["", ["/srv", "sh"]]);
    expect(last(read("--overlay=/srv"), "overlay")).toBe("/srv");
  });

  test("may be repeated: the last one wins, or all count", () => {
    const given = read("-m 1 -m 2");
    expect([last(given, "memory"), all(given, "memory")]).toEqual(["2", ["1", "2"]]);
  });

  test("that was not given is not there", () => {
    const given = read("");
    expect([has(given, "tty"), last(given, "memory"), all(given, "memory")]).toEqual([false, undefined, []]);
  });

  test("is refused by name when it lacks its value, or has one too many", () => {
    expect(() => read("--memory")).toThrow("try: --memory needs a value: SIZE");
    expect(() => read("--tty=yes")).toThrow("try: --tty takes no value, received --tty=yes");
  });

  test("that is a typo gets the nearest one", () => {
    expect(() => read("--memroy 1")).toThrow("unknown option --memroy; hint: did you mean --memory?");
    expect(() => read("--quite-other")).toThrow("unknown option --quite-other; hint: see hutch try --help");
    expect(() => read("--m 1")).toThrow("unknown option --m");
  });
});

describe("words", () => {
  test("end the options: the rest is the command's", () => {
    expect(read("-t / ls --memory 1 -t").words).toEqual(["/", "ls", "--memory", "1", "-t"]);
  });

  test("-- between WHERE and the command is left out, a second one is the command's", () => {
    expect(read("/ -- ls -- x").words).toEqual(["/", "ls", "--", "x"]);
    expect(read("-- / ls").words).toEqual(["/", "ls"]);
  });

  test("may stand between options where no command follows", () => {
    const given = read("box -t other -m 1", ANYWHERE);
    expect([given.words, last(given, "memory"), has(given, "tty")]).toEqual([["box", "other"], "1", true]);
  });

  test("a dash alone is a word", () => {
    expect(read("-", ANYWHERE).words).toEqual(["-"]);
  });

  test("names of every object are no options", () => {
    for (const name of ["constructor", "toString", "__proto__"])
      expect(() => read(`--${name}`)).toThrow("unknown option");
  });
});

describe("the nearest word", () => {
  test("counts what is missing, too much, wrong or swapped as one", () => {
    expect(["run", "ru", "runn", "rum", "urn"].map((word) => distance(word, "run"))).toEqual([0, 1, 1, 1, 1]);
    expect(distance("", "abc")).toBe(3);
  });

  test("is given when a third of it is wrong at most, or it begins so", () => {
    const words = ["explain", "run", "spec", "in"];
    expect(["explian", "EXPLAIN", "expl", "rum", "sepc"].map((word) => nearest(word, words))).toEqual([
      "explain",
      "explain",
      "explain",
      "run",
      "spec",
    ]);
    expect(["network", "zzz", "e"].map((word) => nearest(word, ["explain", "spec"]))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
