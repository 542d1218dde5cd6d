import { expect, test } from "bun:test";
import {
  ANSWER_MAX,
  AT,
  JOINER_MAX,
  joinerFile,
  joinerName,
  type KeptJoiner,
} from "../../src/plan/kept-joiner.ts";

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
  words: ["box", "", "ü"],
  questions: [["F/a", "one\n"]],
  program: new Uint8Array([0, 255]),
};

test("a file is the mark, the numbers, the texts each with a NUL, and the program", () => {
  const file = Buffer.from(joinerFile(KEPT) ?? []);
  const texts = "/proc/5/stat\x004711 \0box\0\0ü\0F/a\0one\n\0\0";
  expect(file.subarray(0, 8).toString()).toBe("joiner 1");
  expect(file.subarray(AT.texts, -2).toString()).toBe(texts);
  expect([...file.subarray(-2)]).toEqual([0, 255]);
  const numbers = Object.entries(AT).map(([name, at]) =>
    name === "texts" ? 0 : Number(file.readBigUInt64LE(at)),
  );
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, AT.texts + Buffer.byteLength(texts), 2, 3, 0]);
});

test("what the entry program cannot read, or has no room for, is not written", () => {
  expect(joinerFile({ ...KEPT, questions: [["F/a", "a\0b"]] })).toBeUndefined();
  const answer = (length: number) => joinerFile({ ...KEPT, questions: [["F/a", "x".repeat(length)]] });
  expect([answer(ANSWER_MAX) === undefined, answer(ANSWER_MAX + 1) === undefined]).toEqual([false, true]);
  const spare = JOINER_MAX - (joinerFile({ ...KEPT, program: new Uint8Array(0) })?.length ?? 0);
  expect(joinerFile({ ...KEPT, program: new Uint8Array(spare) })?.length).toBe(JOINER_MAX);
  expect(joinerFile({ ...KEPT, program: new Uint8Array(spare + 1) })).toBeUndefined();
});

test("a container has at most eight such files, whatever the words are", () => {
  const names = Array.from({ length: 500 }, (_, index) => joinerName(["box", "echo", `${index}`]));
  expect([...new Set(names)].sort()).toEqual(Array.from({ length: 8 }, (_, digit) => `joiner-${digit}`));
});
