/** The words of `exec` as the compiled entry program reads them: as exec-key.ts does, on both architectures. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { branch, call, exit, label } from "../../src/plan/build.ts";
import {
  DETACHED,
  KEY,
  KEY_LENGTH,
  readExecWords as readByProgram,
  readProcess,
  VALUES,
  WORDS_LENGTH,
} from "../../src/plan/entry-exec-words.ts";
import { forgetDescriptors } from "../../src/plan/entry-place.ts";
import { BUN, checkId, readWords } from "../../src/plan/entry-words.ts";
import { type ExecWords, execKey, KEY_MAX, readExecWords } from "../../src/plan/exec-key.ts";
import type { Plan } from "../../src/plan/step.ts";
import { contract, type Machine, show } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ENGINES, randomWords } from "./words.ts";

const LEFT_TO_BUN = 7;

/** Shows whether it is detached and which options were given, the lengths, and the key. */
const PLAN: Plan = [
  ...forgetDescriptors(),
  ...readWords(),
  ...readByProgram(),
  ...checkId(),
  ...readProcess(),
  show(DETACHED, WORDS_LENGTH, KEY_LENGTH),
  call("show the key", "write", [1, KEY, KEY_LENGTH]),
  ...Object.entries(VALUES).flatMap(([name, value]) => [
    branch(value, "eq", 0, `no ${name}`),
    call(`show ${name}`, "write", [1, value, 2]),
    label(`no ${name}`),
  ]),
  exit(0, "read"),
  label(BUN),
  exit(LEFT_TO_BUN, "not read"),
];

/** As a text; undefined when it is left to Bun. */
function read(program: readonly string[], words: readonly string[]): string | undefined {
  const command = [...program, "exec", ...words];
  const { exitCode, stdout } = Bun.spawnSync(command, { stdin: "ignore", env: {}, timeout: 10_000 });
  if (exitCode === LEFT_TO_BUN) return undefined;
  return exitCode === 0 ? stdout.toString("latin1") : `exit code ${exitCode}`;
}

const isId = (id = ""): boolean => /^[A-Za-z0-9_+][\w+.-]*$/.test(id);

/** The same by exec-key.ts; undefined also where the process file is not there. */
function expected(words: readonly string[], content: string | undefined): string | undefined {
  const line: ExecWords | undefined = readExecWords(words);
  if (line === undefined || !isId(line.words[0])) return undefined;
  if (line.process !== undefined && content === undefined) return undefined;
  const key = execKey(line, line.process === undefined ? undefined : content);
  if (key === undefined) return undefined;
  const numbers = Buffer.alloc(24);
  for (const [index, number] of [line.detached ? 1 : 0, key.words, key.length].entries()) {
    numbers.writeBigUInt64LE(BigInt(number), index * 8);
  }
  const values = [line.process, line.pidFile, line.consoleSocket].map((value) =>
    Buffer.from(value === undefined ? "" : `${value}\0`).subarray(0, 2),
  );
  const all = [numbers, key.bytes.subarray(0, key.length), ...values];
  return Buffer.concat(all).toString("latin1");
}

/** A directory with a process file; "/p" among the words stands for it. */
function place(content: string) {
  const path = join(temporaryDirectory("words"), "process.json");
  writeFileSync(path, content);
  return (words: readonly string[]): string[] => words.map((word) => word.replace("/p", path));
}

function compare({ save, emulator }: Machine, lines: readonly (readonly string[])[], content: string): void {
  const put = place(content);
  const program = [...emulator, save(PLAN)];
  for (const line of lines.map(put)) {
    const isThere = readExecWords(line)?.process?.endsWith("process.json") === true;
    const wanted = expected(line, isThere ? content : undefined);
    expect([line, read(program, line)]).toEqual([line, wanted]);
  }
}

contract("the lines of engines are read, with their process file", (machine) => {
  compare(machine, ENGINES, `{"args":["${"ü".repeat(500)}"]}`);
});

contract("random words are read as they are read where programs are kept", (machine) => {
  // Those that are read, and as many that are left to Bun.
  const lines = Array.from({ length: 4000 }, (_, seed) => randomWords(seed + 1));
  const isRead = (line: readonly string[]): boolean => readExecWords(line) !== undefined;
  const some = [...lines.filter(isRead).slice(0, 60), ...lines.filter((line) => !isRead(line)).slice(0, 60)];
  compare(machine, some, "{}");
});

contract("what is longer than the room for it is left to Bun", (machine) => {
  const fixed = "--process\0box\0".length;
  for (const length of [KEY_MAX - fixed - 1, KEY_MAX - fixed, KEY_MAX, 3 * KEY_MAX]) {
    compare(machine, [["--process", "/p", "box"]], "x".repeat(length));
  }
  for (const length of [KEY_MAX - "box\0\0".length - 1, KEY_MAX - "box\0\0".length, KEY_MAX, 3 * KEY_MAX]) {
    compare(machine, [["box", "x".repeat(length)]], "{}");
  }
});
