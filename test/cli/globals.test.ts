import { describe, expect, test } from "bun:test";
import { defaultRoot, GLOBAL_OPTIONS, globalsOf, readGlobals, refuseSystemd } from "../../src/cli/globals.ts";

const read = (line: string) => {
  const { values, rest } = readGlobals(line.split(" "));
  return { globals: globalsOf(values), rest };
};

/** Command lines as the callers of runtimes write them. */
const CALLERS: readonly (readonly [line: string, globals: object, rest: string])[] = [
  ["run box", { logFormat: "text", debug: false, cgroupManager: "cgroupfs", rootless: "auto" }, "run box"],
  [
    "--systemd-cgroup --log-format=json --log /b/oci-log create --bundle /b --pid-file /b/pidfile ID",
    { log: "/b/oci-log", logFormat: "json", systemdCgroup: true, cgroupManager: "systemd" },
    "create --bundle /b --pid-file /b/pidfile ID",
  ],
  [
    "--root /run/x/moby --log /b/log.json --log-format json state ID",
    { root: "/run/x/moby", log: "/b/log.json", logFormat: "json", systemdCgroup: false },
    "state ID",
  ],
  [
    "--cgroup-manager=disabled --rootless=true --debug delete --force ID",
    { cgroupManager: "disabled", rootless: "true", debug: true },
    "delete --force ID",
  ],
  [
    "-root=/r -log-format json -debug kill --all ID 9",
    { root: "/r", logFormat: "json", debug: true },
    "kill --all ID 9",
  ],
  ["--debug=false --systemd-cgroup=true list", { debug: false, cgroupManager: "systemd" }, "list"],
  ["--root /a --root /b list", { root: "/b" }, "list"],
];

describe("global options", () => {
  for (const [line, globals, rest] of CALLERS) {
    test(`are read off ${line}`, () => {
      const got = read(line);
      expect(got.globals).toMatchObject(globals);
      expect(got.rest.join(" ")).toBe(rest);
    });
  }

  test("end at the command: what follows is the command's", () => {
    expect(read("exec ID --root /x").rest).toEqual(["exec", "ID", "--root", "/x"]);
    expect(readGlobals(["exec", "--root", "/x"]).values.size).toBe(0);
  });

  test("leave a word that is none of them for whoever knows it", () => {
    for (const word of ["--version", "-v", "--help", "--", "-", "--rott", "-r", ""]) {
      expect(readGlobals(["--debug", word, "x"]).rest).toEqual([word, "x"]);
    }
    expect(readGlobals([]).rest).toEqual([]);
  });

  test("are refused with a value that they cannot have, or with none", () => {
    expect(() => read("--log-format xml list")).toThrow("--log-format xml: expected text or json");
    expect(() => read("--rootless=yes list")).toThrow("--rootless yes: expected auto or true or false");
    expect(() => read("--cgroup-manager none list")).toThrow("--cgroup-manager none: expected cgroupfs or");
    expect(() => read("--debug=1 list")).toThrow("--debug 1: expected true or false");
    for (const name of ["--root", "--log"]) {
      expect(() => read(name)).toThrow(`${name} needs a value`);
      expect(() => read(`${name}= list`)).toThrow(`${name} needs a value`);
    }
  });

  test("name each other once", () => {
    const names = GLOBAL_OPTIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("without --root the state", () => {
  const user = { XDG_RUNTIME_DIR: "/run/user/1000" };
  test("of root is in /run/hutch", () => expect(defaultRoot(user, () => false)).toBe("/run/hutch"));
  test("of an ordinary user is in the user's own directory", () =>
    expect(defaultRoot(user, () => true)).toBe("/run/user/1000/hutch"));
  test("is in /run/hutch when the user has no such directory, or no absolute one", () => {
    expect(defaultRoot({}, () => true)).toBe("/run/hutch");
    expect(defaultRoot({ XDG_RUNTIME_DIR: "here" }, () => true)).toBe("/run/hutch");
  });
});

test("a container that hutch leaves to itself is refused, in whichever way systemd is asked for", () => {
  const refused = (line: string) => () => refuseSystemd(read(`${line} in / true`).globals);
  expect(refused("--systemd-cgroup")).toThrow("systemd cgroup driver: only for hutch run and hutch create");
  expect(refused("--cgroup-manager systemd")).toThrow("systemd cgroup driver: only for");
  expect(refused("--cgroup-manager cgroupfs")).not.toThrow();
  expect(refused("--cgroup-manager disabled")).not.toThrow();
});
