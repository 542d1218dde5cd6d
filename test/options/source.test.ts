/** Sources of binds. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { look } from "../../src/host/look.ts";
import { absoluteSource, requireSources } from "../../src/options/source.ts";
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
