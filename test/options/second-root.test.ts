/** Directories in the place of the command. */
import { describe, expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { isDirectoryPath, refuseLayerAsRoot } from "../../src/options/second-root.ts";
import { machine } from "../cli/machine.ts";

const look = machine({
  kind: {
    "/": "directory",
    "./rootfs": "directory",
    rootfs: "directory",
    "/tool": "directory",
    "/layer/tool": "file",
    "./tool": "directory",
    "/layer/home/./tool": "file",
  },
});

const refuse = (line: string, where = "/layer") =>
  refuseLayerAsRoot(readOptions(command, line.split(" ")), where, look);

describe("a directory behind WHERE", () => {
  test("is no command, where --overlay was given the layer without =", () => {
    for (const root of ["/", "./rootfs"]) {
      expect(() => refuse(`--overlay layer ${root} true`)).toThrow(
        `in: ${root} is a directory, expected a command after WHERE layer; hint: if the writes are to be ` +
          `kept in layer: --overlay=layer ${root}`,
      );
    }
  });

  test("may be a program in the root", () => {
    refuse("--overlay layer /tool");
    refuse("--overlay --workdir /home layer ./tool");
    expect(() => refuse("--overlay layer ./tool")).toThrow("./tool is a directory");
  });

  test("is not looked for where nothing was mistaken", () => {
    refuse("--overlay layer rootfs");
    refuse("--overlay=layer layer /");
    refuse("layer /");
    refuse("--overlay / /", "/");
  });
});

test("a name without a slash is none of a directory, because programs are named so", () => {
  expect(
    ["/", "./rootfs", "rootfs", "/nowhere", undefined].map((word) => isDirectoryPath(word, look)),
  ).toEqual([true, true, false, false, false]);
});
