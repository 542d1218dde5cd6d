import { expect, test } from "bun:test";
import { chooseFile, type ExecKey, execKey, KEY_MAX, readExecWords } from "../../src/plan/exec-key.ts";
import { ENGINES } from "./words.ts";

const compared = (words: readonly string[]): readonly string[] | undefined => readExecWords(words)?.compared;

test("of a detached exec the paths of engines are left out", () => {
  const [shim = [], , conmon = [], equals = []] = ENGINES;
  expect(compared(shim)).toEqual(["--process", "--detach", "--pid-file", "box"]);
  expect(compared(conmon)).toEqual(["--pid-file", "--process", "--detach", "box"]);
  expect(compared(equals)).toEqual(["--pid-file=", "--process=", "-d", "box"]);
  expect(readExecWords(shim)).toMatchObject({ process: "/tmp/runc-process1", pidFile: "/run/x.pid" });
});

test("in the foreground the pid file is compared, because the program writes it", () => {
  expect(compared(["--process", "/p", "--pid-file", "/f", "box"])).toEqual([
    ...["--process", "--pid-file", "box", "/f"],
  ]);
});

test("options that are not known have a value, behind a = or in the next word", () => {
  const words = ["-e", "--process", "--new=1", "--cwd", "-d", "-t", "box", "--pid-file", "x"];
  expect(readExecWords(words)).toEqual({
    words: ["box", "--pid-file", "x"],
    detached: false,
    compared: words,
  });
});

test("what an engine would not write is not read", () => {
  const lines = [
    ...[[], ["box"], ["-t", "box"], ["--", "box", "sh"], ["--process", "/p"], ["--process"], ["-e"]],
    ...[
      ["--process", "", "box"],
      ["--process=", "box"],
      ["--pid-file", "/f", "--pid-file=/f", "box", "sh"],
    ],
    ["--process", "/p", "-p", "/p", "box"],
  ];
  for (const line of lines) expect([line, readExecWords(line)]).toEqual([line, undefined]);
});

function keyOf(words: readonly string[], text?: string): ExecKey | undefined {
  const read = readExecWords(words);
  return read === undefined ? undefined : execKey(read, text);
}

test("a key is whole pieces, and has a bound and no NUL in its texts", () => {
  const words = ["-p", "/p", "box"];
  for (const length of [1, 2, 8, 9, 17]) {
    const key = keyOf(words, "x".repeat(length));
    expect(key?.length).toBe(7 + length);
    expect((key?.bytes.length ?? 1) % 8).toBe(0);
  }
  expect(keyOf(words, "a\0b")).toBeUndefined();
  expect(keyOf(words, "x".repeat(KEY_MAX - 8))).toBeDefined();
  expect(keyOf(words, "x".repeat(KEY_MAX - 7))).toBeUndefined();
});

test("every byte of a key has a part in the choice of a file", () => {
  const text = "a".repeat(64);
  const of = (content: string): number => {
    const key = keyOf(["-p", "/p", "box"], content);
    return key === undefined ? -1 : chooseFile(key, 8);
  };
  for (let at = 0; at < text.length; at += 1) {
    const others = Array.from({ length: 8 }, (_, index) =>
      of(text.slice(0, at) + String.fromCharCode(97 + index) + text.slice(at + 1)),
    );
    expect(new Set(others).size).toBeGreaterThan(1);
  }
});
