import { expect, test } from "bun:test";
import { high32, isInt32, low32 } from "../../src/emit/assembler.ts";

const VALUES = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 2 ** 53 - 1, 1 - 2 ** 53, 0x123456789abc];
const WIDE = [2n ** 63n - 1n, -(2n ** 63n), 0x123456789abcdef0n, -0x123456789abcdef0n];

test("the halves of an integer are those of its two's complement", () => {
  for (const value of [...VALUES, ...WIDE]) {
    const bits = BigInt.asUintN(64, BigInt(value));
    expect([low32(value), high32(value)]).toEqual([Number(bits & 0xffffffffn), Number(bits >> 32n)]);
  }
});

test("an immediate is what fits 32 bits with its sign", () => {
  const fits = [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 5n].map((value) =>
    isInt32(value),
  );
  expect(fits).toEqual([true, true, true, true, false, false, false, false]);
});
