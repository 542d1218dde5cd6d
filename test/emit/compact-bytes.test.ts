import { expect, test } from "bun:test";
import { putLittle } from "../../src/emit/compact-bytes.ts";
import { randomInteger, randomNumbers } from "./random-plan.ts";

/** The bytes of an integer between two others. */
function bytesOf(value: number | bigint, size: number): number[] {
  const bytes = new Uint8Array(size + 2).fill(0x55);
  putLittle(bytes, 1, value, size, "x");
  expect([bytes[0], bytes[size + 1]]).toEqual([0x55, 0x55]);
  return [...bytes.subarray(1, size + 1)];
}

test("integers have the bytes that a DataView gives them, as numbers and as bigints", () => {
  const random = randomNumbers(5);
  const view = new DataView(new ArrayBuffer(8));
  for (let count = 0; count < 2000; count++) {
    const value = randomInteger(random);
    view.setBigInt64(0, value, true);
    const expected = [...new Uint8Array(view.buffer)];
    expect(bytesOf(value, 8)).toEqual(expected);
    expect(bytesOf(BigInt.asUintN(64, value), 8)).toEqual(expected);
    const size = [1, 2, 4][random(3)] ?? 1;
    const small = random(2) === 0 ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value);
    for (const each of [small, Number(small)]) expect(bytesOf(each, size)).toEqual(expected.slice(0, size));
    if (Number.isSafeInteger(Number(value))) expect(bytesOf(Number(value), 8)).toEqual(expected);
  }
});

test("an integer that does not fit is refused by the name of what it is for", () => {
  for (const size of [1, 2, 4, 8]) {
    const bits = BigInt(size * 8);
    for (const value of [1n << bits, -(1n << (bits - 1n)) - 1n, 1n << 70n]) {
      expect(() => bytesOf(value, size)).toThrow(`emit x: ${value} does not fit ${size} bytes`);
      if (size < 8) expect(() => bytesOf(Number(value), size)).toThrow("does not fit");
    }
    for (const value of [0.5, Number.NaN, 2 ** 60])
      expect(() => bytesOf(value, size)).toThrow("does not fit");
  }
  expect(() => putLittle(new Uint8Array(1), 0, 256, 1, "struct", "field")).toThrow(
    "emit struct.field: 256 does not fit 1 bytes",
  );
});
