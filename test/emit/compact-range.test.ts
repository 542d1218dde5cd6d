import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { finishTexts, packTexts, unpackTexts } from "../../src/emit/compact-range.ts";
import { contract } from "./machine.ts";
import { randomNumbers } from "./random-plan.ts";

const utf8 = new TextEncoder();

/** Runs, repetitions and noise of so many kinds of bytes. */
function randomBytes(seed: number, most: number): Uint8Array {
  const random = randomNumbers(seed);
  const kinds = 1 + random(255);
  const bytes = new Uint8Array(random(most));
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = random(3) === 0 ? random(kinds) : (bytes[at - 1 - random(700)] ?? 0);
  return bytes;
}

const packed = (bytes: Uint8Array): Uint8Array => finishTexts(bytes);
const isWhole = (bytes: Uint8Array): boolean =>
  Buffer.compare(unpackTexts(packed(bytes), bytes.length), bytes) === 0;

test("what is packed is unpacked as it was", () => {
  const random = randomNumbers(1);
  const noise = Uint8Array.from({ length: 30_000 }, () => random(256));
  const hostile = [
    new Uint8Array(0),
    new Uint8Array(1),
    Uint8Array.of(0xff),
    new Uint8Array(65_536),
    new Uint8Array(65_536).fill(0xff),
    new Uint8Array(65_536).fill(0x61),
    noise,
    utf8.encode("ä → 😀 日本語\0".repeat(300)),
    Uint8Array.from({ length: 65_536 }, (_, at) => at >> 8),
    Uint8Array.from({ length: 65_536 }, (_, at) => at),
  ];
  for (const bytes of hostile) expect(isWhole(bytes)).toBe(true);
  for (let seed = 0; seed < 200; seed++) expect(isWhole(randomBytes(seed, 3000))).toBe(true);
  expect(packed(noise).length).toBeLessThan(31_500);
  expect(packed(new Uint8Array(65_536)).length).toBeLessThan(100);
});

test("a carry goes through all bytes that it has to", () => {
  // The most unlikely bit each time, behind a beginning of every length: the range lies at its end.
  for (let ones = 0; ones < 60; ones++) {
    const bytes = new Uint8Array(400);
    bytes.fill(0xff, 400 - ones);
    for (let at = 0; at < ones; at += 3) bytes[at] = 0x80;
    expect(isWhole(bytes)).toBe(true);
  }
});

test("texts go on behind others, which stay as they are", () => {
  const beginning = utf8.encode("open the file\0close the file\0");
  const begun = packTexts(beginning);
  for (const more of ["", "close the file of the cgroup\0", "write 65536 to the file\0".repeat(50)]) {
    const all = new Uint8Array([...beginning, ...utf8.encode(more)]);
    const bytes = finishTexts(all, begun);
    expect(Buffer.compare(unpackTexts(bytes, all.length), all)).toBe(0);
    expect(finishTexts(all, begun)).toEqual(bytes);
  }
  expect(finishTexts(beginning, begun)).toEqual(packed(beginning));
});

test("packed bytes that nothing was packed to are unpacked to the size that is asked for, and no further", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(50).fill(0xff), randomBytes(3, 3000)])
    expect(unpackTexts(bytes, 1000).length).toBeLessThan(1000 + 258);
});

/** Well-formed, and without NUL. */
function randomText(random: (limit: number) => number): string {
  const alphabets = ["ab", "abcdefghijklmnopqrstuvwxyz /:.", "äöü€日本😀", "\x01\x7f\u0080\uffff"];
  const letters = [...(alphabets[random(alphabets.length)] ?? "a")];
  return Array.from({ length: 1 + random(300) }, () => letters[random(letters.length)]).join("");
}

contract("the machine code unpacks the texts of a failure, whatever they are", ({ run, name }) => {
  if (!name.endsWith("compact")) return;
  for (let seed = 0; seed < 12; seed++) {
    const random = randomNumbers(seed);
    const texts = Array.from({ length: 40 }, () => randomText(random));
    const chosen = texts.at(-1 - random(3)) ?? "";
    const fail = (message: string) => ({ kind: "fail", message }) as const;
    const { code, stderr } = run([
      { kind: "jump", to: "chosen" },
      ...texts.map(fail),
      { kind: "label", name: "chosen" },
      fail(chosen),
    ]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: `hutch: ${chosen}\n` });
  }
});

contract("texts that are damaged are unpacked to an end, whatever that is", ({ save, emulator, name }) => {
  if (!name.endsWith("compact")) return;
  const random = randomNumbers(2);
  const message = Array.from({ length: 12 }, () => randomText(random)).join(" ");
  const path = save([{ kind: "fail", message }]);
  const file = readFileSync(path);
  for (let round = 0; round < 12; round++) {
    const damaged = Uint8Array.from(file);
    if (round < 2) damaged.fill(round * 0xff, -1200);
    else for (let count = 0; count < 20; count++) damaged[file.length - 1 - random(1200)] = random(256);
    writeFileSync(path, damaged);
    const { exitCode, signalCode, exitedDueToTimeout } = Bun.spawnSync([...emulator, path], {
      stdio: ["ignore", "ignore", "ignore"],
      timeout: 10_000,
    });
    expect(exitedDueToTimeout ?? false).toBe(false);
    expect(exitCode ?? signalCode).not.toBeNull();
  }
});

contract("a text of very many bytes is unpacked by the program, too", ({ run }) => {
  const fail = (message: string) => ({ kind: "fail", message }) as const;
  const { stderr } = run([
    { kind: "jump", to: "end" },
    fail("a".repeat(65_536)),
    { kind: "label", name: "end" },
    fail("the last text"),
  ]);
  expect(stderr).toBe("hutch: the last text\n");
});
