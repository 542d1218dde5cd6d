import { describe, expect, test } from "bun:test";
import { type ContainerOptions, givenOf, OPTION_NAMES } from "../../src/library/options.ts";
import { all, has, last } from "../../src/options/given.ts";
import { IN_OPTIONS } from "../../src/options/in-options.ts";

const given = (options: Partial<ContainerOptions>) => givenOf({ root: "/srv", command: ["sh"], ...options });

/** What a program without types may hand over. */
const wrong = (options: object) => () => given(options);

describe("options", () => {
  test("are those of hutch in, but for what a library has other means for", () => {
    expect(OPTION_NAMES).toHaveLength(IN_OPTIONS.length - 4);
    expect(OPTION_NAMES).toContain("readOnly");
    for (const name of ["tty", "dieWithParent", "clearEnv", "report"])
      expect(OPTION_NAMES).not.toContain(name);
  });

  test("become words in their order, with root and command behind them", () => {
    const options = given({
      bind: ["/a:/b", "/c:/d"],
      memory: "64m",
      capDrop: "all",
      command: ["sh", "-c", "x"],
    });
    expect(all(options, "bind")).toEqual(["/a:/b", "/c:/d"]);
    expect([last(options, "memory"), last(options, "cap-drop")]).toEqual(["64m", "all"]);
    expect(options.words).toEqual(["/srv", "sh", "-c", "x"]);
  });

  test("that are numbers are texts of the same value", () => {
    const options = given({ memory: 2 ** 26, cpus: 0.5, pids: 20, user: 1000, timeout: 1.5 });
    expect(last(options, "memory")).toBe("67108864");
    expect(last(options, "cpus")).toBe("0.5");
    expect([last(options, "pids"), last(options, "user"), last(options, "timeout")]).toEqual([
      "20",
      "1000",
      "1.5",
    ]);
  });

  test("that are switches are given when they are true, and not when they are false or absent", () => {
    expect(has(given({ init: true, readOnly: true }), "read-only")).toBe(true);
    expect(has(given({ init: false }), "init")).toBe(false);
    expect(last(given({ overlay: true }), "overlay")).toBe("");
    expect(last(given({ overlay: "/layer" }), "overlay")).toBe("/layer");
    expect(has(given({ overlay: false }), "overlay")).toBe(false);
  });

  test("of names and values become pairs; a name without value is left out", () => {
    const options = given({ env: { A: "1", B: undefined, C: "x=y" }, sysctl: { "net.ipv4.ip_forward": 1 } });
    expect(all(options, "env")).toEqual(["A=1", "C=x=y"]);
    expect(all(options, "sysctl")).toEqual(["net.ipv4.ip_forward=1"]);
  });
});

describe("what is wrong is refused by name", () => {
  test("an option that is none", () => {
    expect(wrong({ memry: 1 })).toThrow(
      "container: memry: expected no such option; hint: did you mean memory?",
    );
    expect(wrong({ toString: 1 })).toThrow("container: toString");
  });

  test("a value of another type", () => {
    expect(wrong({ memory: true })).toThrow("container: memory: expected a string or number");
    expect(wrong({ memory: false })).toThrow("container: memory: expected a string or number");
    expect(wrong({ init: "yes" })).toThrow("container: init: expected true or false");
    expect(wrong({ bind: [1, {}] })).toThrow("container: bind[1]: expected a string or number");
    expect(wrong({ bind: { a: "b" } })).toThrow("container: bind: expected a string or number");
    expect(wrong({ env: { A: {} } })).toThrow("container: env.A: expected a string or number");
    expect(wrong({ cpus: Number.NaN })).toThrow("container: cpus");
    expect(wrong({ memory: null })).toThrow("container: memory: expected a string or number");
  });

  test("a variable whose name would be another then", () => {
    expect(wrong({ env: { "A=B": "1" } })).toThrow("container: env: A=B: expected a name without =");
    expect(wrong({ env: { "": "1" } })).toThrow("container: env");
  });

  test("a root or a command that is none", () => {
    expect(wrong({ root: "" })).toThrow("container: root: expected the path of a directory");
    expect(wrong({ command: [] })).toThrow("container: command: expected a list of at least one string");
    expect(wrong({ command: "sh" })).toThrow("container: command");
    expect(wrong({ command: ["sh", 1] })).toThrow("container: command[1]: expected a string");
  });
});
