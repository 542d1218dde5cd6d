import { expect, test } from "bun:test";
import { type ExecKey, execKey, readExecWords } from "../../src/plan/exec-key.ts";
import {
  ANSWER_MAX,
  AT,
  JOINER_MAX,
  joinerFile,
  joinerName,
  type KeptJoiner,
} from "../../src/plan/kept-joiner.ts";

function keyOf(words: readonly string[], text?: string): ExecKey {
  const read = readExecWords(words);
  const key = read === undefined ? undefined : execKey(read, text);
  if (key === undefined) throw new Error(`no key for ${words.join(" ")}`);
  return key;
}

const KEPT: KeptJoiner = {
  numbers: {
    inode: 1n,
    size: 2n,
    seconds: 3n,
    nanoseconds: 4n,
    pid: 5n,
    user: 6n,
    group: 7n,
    soft: 8n,
    hard: 9n,
  },
  statPath: "/proc/5/stat",
  startTime: "4711",
  key: keyOf(["--process", "/f", "box", "", "ü"], "{}"),
  questions: [["F/a", "one\n"]],
  program: new Uint8Array([0, 255]),
};

test("a file is the mark, the numbers, the key, the texts each with a NUL, and the program", () => {
  const file = Buffer.from(joinerFile(KEPT) ?? []);
  const key = "--process\0box\0\0ü\0{}";
  const [words, length] = [Buffer.byteLength(key) - 2, Buffer.byteLength(key)];
  const texts = `${key}\0\0\0\0/proc/5/stat\x004711 \0F/a\0one\n\0\0`;
  expect((length + 4) % 8).toBe(0);
  expect(file.subarray(0, 8).toString()).toBe("joiner 2");
  expect(file.subarray(AT.key, -2).toString()).toBe(texts);
  expect([...file.subarray(-2)]).toEqual([0, 255]);
  const numbers = Object.entries(AT).map(([name, at]) =>
    name === "key" ? 0 : Number(file.readBigUInt64LE(at)),
  );
  expect(numbers).toEqual([
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    AT.key + Buffer.byteLength(texts),
    2,
    length,
    words,
    0,
  ]);
});

test("what the entry program cannot read, or has no room for, is not written", () => {
  expect(joinerFile({ ...KEPT, questions: [["F/a", "a\0b"]] })).toBeUndefined();
  const answer = (length: number) => joinerFile({ ...KEPT, questions: [["F/a", "x".repeat(length)]] });
  expect([answer(ANSWER_MAX) === undefined, answer(ANSWER_MAX + 1) === undefined]).toEqual([false, true]);
  const spare = JOINER_MAX - (joinerFile({ ...KEPT, program: new Uint8Array(0) })?.length ?? 0);
  expect(joinerFile({ ...KEPT, program: new Uint8Array(spare) })?.length).toBe(JOINER_MAX);
  expect(joinerFile({ ...KEPT, program: new Uint8Array(spare + 1) })).toBeUndefined();
});

test("a container has at most eight such files, whatever the words are, and the process file chooses, too", () => {
  const names = Array.from({ length: 500 }, (_, index) => joinerName(keyOf(["box", "echo", `${index}`])));
  const files = Array.from({ length: 8 }, (_, digit) => `joiner-${digit}`);
  expect([...new Set(names)].sort()).toEqual(files);
  const process = (index: number) => joinerName(keyOf(["--process", "/f", "box"], `{"args":["${index}"]}`));
  expect([...new Set(Array.from({ length: 500 }, (_, index) => process(index)))].sort()).toEqual(files);
});
