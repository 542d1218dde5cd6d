/** Sources of binds. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { look } from "../../src/host/look.ts";
import { absoluteSource, checkOptions, requireSources } from "../../src/options/source.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("a relative source starts at the caller's directory", () => {
  const rows = {
    "./a": "/here/a",
    a: "/here/a",
    ".": "/here",
    "./": "/here",
    "../a": "/here/../a",
    "/a": "/a",
  };
  for (const [source, path] of Object.entries(rows))
    expect({ source, path: absoluteSource(source, "/here") }).toEqual({ source, path });
  expect(absoluteSource("a", "/")).toBe("/a");
});

describe("a source that is not there", () => {
  const here = temporaryDirectory("source");
  mkdirSync(join(here, "src/deep"), { recursive: true });
  writeFileSync(join(here, "file"), "");
  const require = (text: string) => requireSources(readOptions(command, ["--bind", text]), here, look);

  test("is refused with the name that is likely meant", () => {
    expect(() => require("./srx/deep:/mnt")).toThrow(
      `--bind ./srx/deep:/mnt: source ${here}/srx/deep: ENOENT (no such file or directory); hint: did you ` +
        `mean ${here}/src?`,
    );
    expect(() => require("src/dep:/mnt")).toThrow(`did you mean ${here}/src/deep?`);
    expect(() => require("nothing:/mnt")).toThrow("a bind needs a source");
    expect(() => require("file/below:/mnt")).toThrow("a bind needs a source");
    expect(() => require("~/src:/mnt")).toThrow("$HOME/src");
  });

  test("is not mistaken for one that is", () => {
    require("src/deep:/mnt");
    require("./file:/mnt:ro");
  });
});

describe("an option that cannot be meant is refused in the words of the command line", () => {
  const check = (mapsIds: boolean, ...words: string[]) => checkOptions(readOptions(command, words), mapsIds);
  test.each([
    ["--bind", "/etc:/mnt:sync", 'expected an option of bind mounts, received "sync"'],
    ["--bind", "/etc:/mnt:roo", 'expected an option of bind mounts, received "roo"'],
    ["--bind", "/etc:/mnt:remount", 'expected an option of bind mounts, received "remount"'],
    ["--bind", "/etc:/mnt:ro,idmap", 'expected id maps for it, received "idmap"; hint: --uid-map'],
    ["--tmpfs", "/mnt:nosuid,bind", 'expected an option of tmpfs, received "bind"'],
    ["--tmpfs", "/mnt:idmap", 'expected an option of tmpfs, received "idmap"'],
  ])("%s %s", (option, text, message) => {
    expect(() => check(false, option, text)).toThrow(`${option} ${text}: ${message}`);
  });

  test("and others are not", () => {
    check(false, "--bind", "/etc:/mnt:ro,noexec,rslave,async", "--tmpfs", "/mnt:sync,size=1m,rshared");
    check(true, "--bind", "/etc:/mnt:idmap");
  });
});
