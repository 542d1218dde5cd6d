/** The directory of --relative; test/e2e/compile-relative.test.ts moves files about. */
import { expect, test } from "bun:test";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { command } from "../../src/cli/compile.ts";
import { readOptions } from "../../src/cli/option.ts";
import { placeOf } from "../../src/cli/relative.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("the directory is known by the path that was given, and by the real one", () => {
  const home = realpathSync(temporaryDirectory("relative"));
  mkdirSync(join(home, "real"));
  symlinkSync("real", join(home, "link"));
  const given = readOptions(command, ["--relative", "R", "true"]);
  expect(placeOf(given, join(home, "link/box"))).toEqual({
    directory: join(home, "real"),
    alias: join(home, "link"),
  });
  expect(placeOf(readOptions(command, ["R", "true"]), "/box")).toEqual({ directory: undefined });
});
