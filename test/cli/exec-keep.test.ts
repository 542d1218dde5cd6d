/** What of `exec` is kept under which key: the entry program must not take one line for another. */
import { expect, test } from "bun:test";
import { command } from "../../src/cli/exec.ts";
import { isUnderstood } from "../../src/cli/exec-keep.ts";
import { type Given, has, last, readOptions } from "../../src/cli/option.ts";
import { HutchError } from "../../src/linux/error.ts";
import { readExecWords } from "../../src/plan/exec-key.ts";
import { ENGINES, randomWords } from "../plan/words.ts";

function given(words: readonly string[]): Given | undefined {
  try {
    return readOptions(command, words);
  } catch (error) {
    if (error instanceof HutchError) return undefined;
    throw error;
  }
}

/** What is compared of a line that would be kept. */
function kept(words: readonly string[]): string | undefined {
  const [read, meant] = [readExecWords(words), given(words)];
  return read !== undefined && meant !== undefined && isUnderstood(read, meant)
    ? JSON.stringify(read.compared)
    : undefined;
}

/** All that the program depends upon, as it was read from the words. */
function meaning(words: readonly string[]): string {
  const meant = given(words);
  if (meant === undefined) return "";
  const isDetached = has(meant, "detach");
  const free = ["process", "console-socket", ...(isDetached ? ["pid-file"] : [])];
  const options = [...meant.values]
    .map(([name, values]) => (free.includes(name) ? [name] : [name, ...values]))
    .sort();
  return JSON.stringify([options, meant.words]);
}

test("the lines of engines and people are kept", () => {
  for (const line of ENGINES) expect([line, kept(line)]).toEqual([line, expect.any(String)]);
});

test("what the entry program cannot do, or reads otherwise, is not kept", () => {
  const lines = [
    ["--preserve-fds", "1", "box", "sh"],
    ["--pidfd-socket", "/s", "-d", "box", "sh"],
    ["-p=/p", "box"],
    ["-p/p", "box"],
    ["-process", "/p", "box"],
    ["-td", "box", "sh"],
    ["--process", "/p", "-p=/q", "box"],
    ["--", "box", "sh"],
  ];
  for (const line of lines) expect([line, kept(line)]).toEqual([line, undefined]);
});

test("lines with one key mean the same, but for the paths that are left out", () => {
  const meanings = new Map<string, Set<string>>();
  let count = 0;
  for (let seed = 1; seed <= 60_000; seed += 1) {
    const words = randomWords(seed);
    const key = kept(words);
    if (key === undefined) continue;
    count += 1;
    const known = meanings.get(key) ?? new Set();
    meanings.set(key, known.add(meaning(words)));
    const read = readExecWords(words);
    const meant = given(words);
    if (meant !== undefined) expect(read?.process).toBe(last(meant, "process"));
  }
  expect(count).toBeGreaterThan(500);
  expect([...meanings].filter(([, known]) => known.size > 1)).toEqual([]);
});
