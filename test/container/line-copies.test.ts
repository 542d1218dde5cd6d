import { describe, expect, test } from "bun:test";
import { indexLines, readLines, tellLines } from "../../src/container/line-copies.ts";
import { randomNumbers } from "../emit/random-plan.ts";

const LIST = ["one", "two", "three", "", "two", "four"];
const places = indexLines(LIST);
const told = (text: string): Uint8Array => tellLines(text, LIST, places);
const read = (bytes: Uint8Array, most = 1000): string => readLines(bytes, LIST, most);

test("lines that both have are told by their place", () => {
  expect([...told("one\ntwo\nthree\n")]).toEqual([0, 3, 0, 0]);
  expect([...told("one\ntwo\nfour\n")]).toEqual([0, 2, 0, 0, 1, 6, 0]);
  expect([...told("four\nA\none\n")]).toEqual([0, 1, 10, 2, 65, 10, 1, 13, 0]);
});

test("every text is read as it was told, with its end", () => {
  for (const text of ["", "\n", "two", "two\n", "two\n\ntwo\n\n", "ä → 😀\none\n🙂", "x".repeat(20_000)])
    expect(read(told(text), 20_000)).toBe(text);
  for (let seed = 0; seed < 300; seed++) {
    const random = randomNumbers(seed);
    const line = (): string => (random(4) === 0 ? `line ${random(1000)}` : (LIST[random(LIST.length)] ?? ""));
    const text = Array.from({ length: random(40) }, line).join("\n");
    expect(read(told(text))).toBe(text);
  }
});

describe("bytes that tell no text", () => {
  const refused = (...bytes: readonly number[]) =>
    expect(() => read(Uint8Array.from(bytes))).toThrow(RangeError);

  test("of a copy that is not in the list, or that nothing stands behind", () => {
    refused(0, 7, 0, 0);
    refused(0, 1, 1 + 2, 0);
    refused(0, 1, 12, 0);
    refused(0, 1, 0);
    refused(0, 1);
  });

  test("of more bytes than there are, or of a number that is too large", () => {
    refused(5, 65);
    refused();
    refused(0xff, 0xff, 0xff, 0xff, 0x01);
    refused(0, 0xff, 0xff, 0xff, 0x7f, 0);
  });

  test("of more than is wanted", () => {
    const copies = Array.from({ length: 100 }, () => [0, 6, 0, 0, 6, 13]).flat();
    expect(() => read(Uint8Array.from([...copies, 0]))).toThrow(RangeError);
    expect(() => read(told("x".repeat(1001)))).toThrow(RangeError);
  });

  test("at random never take long, and give no more than is wanted", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = randomNumbers(seed);
      const bytes = Uint8Array.from({ length: random(200) }, () => random(random(2) === 0 ? 8 : 256));
      try {
        expect(read(bytes).length).toBeLessThanOrEqual(1000);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });
});
