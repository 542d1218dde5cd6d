import { beforeAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../../scripts/compile.ts";
import { NEUTRALISED, neutralise } from "../../scripts/neutralise.ts";
import { run } from "../support/hutch.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("compile");
const program = join(directory, "program");
const injected = join(directory, "injected.js");
const EXPECTED = `1.2.3 ["--version"] BUN_OPTIONS in its own text\n`;

beforeAll(async () => {
  const source = join(directory, "source.ts");
  writeFileSync(
    source,
    `const args = JSON.stringify(process.argv.slice(2));
     if (process.argv[2] === "eval") new Function("console.log('evaluated')")();
     console.log(HUTCH_VERSION, args, "BUN_OPTIONS in its own text");`,
  );
  writeFileSync(injected, `console.log("injected");`);
  await compile(source, program, { HUTCH_VERSION: "1.2.3" });
}, 60_000);

test("a compiled program carries its constants and its own text unchanged", async () => {
  expect(await run([program, "--version"])).toEqual({ code: 0, signal: null, stdout: EXPECTED, stderr: "" });
});

test.each([
  ["BUN_BE_BUN", "1"],
  ["BUN_OPTIONS", "--version"],
  ["BUN_OPTIONS", "--preload=./injected.js"],
  ["BUN_INSPECT", "ws://127.0.0.1:0/x"],
  ["BUN_INSPECT_CONNECT_TO", "unix:./socket"],
  ["BUN_INSPECT_PRELOAD", "./injected.js"],
])("%s=%s does not change what a compiled program does", async (name, value) => {
  const result = await run([program, "--version"], { env: { [name]: value }, cwd: directory });
  expect(result).toEqual({ code: 0, signal: null, stdout: EXPECTED, stderr: "" });
});

test("the BUN_BYTECODE_…_OUT variables do not make a compiled program write files", async () => {
  const names = ["ORDER", "ORDER_NAMES", "DIGEST"].map((part) => `BUN_BYTECODE_${part}_OUT`);
  const env = Object.fromEntries(names.map((name) => [name, join(directory, name)]));
  expect((await run([program, "--version"], { env })).stdout).toBe(EXPECTED);
  expect(names.filter((name) => existsSync(join(directory, name)))).toEqual([]);
});

test("a bunfig.toml or .env of the current directory does not reach a compiled program", async () => {
  const cwd = temporaryDirectory("autoload");
  writeFileSync(join(cwd, "bunfig.toml"), `preload = ["${injected}"]`);
  writeFileSync(join(cwd, ".env"), `BUN_OPTIONS=--version`);
  expect((await run([program, "--version"], { cwd })).stdout).toBe(EXPECTED);
});

test("a compiled program does not evaluate strings", async () => {
  const { code, stdout, stderr } = await run([program, "eval"]);
  expect(code).not.toBe(0);
  expect(stdout).toBe("");
  expect(stderr).toContain("Code generation from strings disallowed");
});

test("an executable that does not read one of the names is refused", () => {
  const names = NEUTRALISED.slice(1).join("\0");
  expect(() => neutralise(new TextEncoder().encode(names))).toThrow(NEUTRALISED[0]);
});
