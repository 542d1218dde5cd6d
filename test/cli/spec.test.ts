import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "../../src/cli/spec.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("a config.json that is there is left alone, with the way to replace it", () => {
  const bundle = temporaryDirectory("spec");
  const path = `${bundle}/config.json`;
  writeFileSync(path, "mine");
  expect(() => run(["--bundle", bundle])).toThrow(
    `write ${path}: EEXIST (file exists); hint: --force replaces it`,
  );
  expect(readFileSync(path, "utf8")).toBe("mine");
});

test("a word that is no option is refused: it was meant to be the bundle", () => {
  const bundle = temporaryDirectory("spec");
  expect(() => run(["--bundle", bundle, "box"])).toThrow("spec: expected only options, received box");
  expect(existsSync(`${bundle}/config.json`)).toBeFalse();
});
