import { CString, read } from "bun:ffi";
import { expect, test } from "bun:test";
import { addressOf, createArena, cString, putString, putStrings, reserve } from "../../src/host/memory.ts";
import { HutchError } from "../../src/linux/error.ts";

test("a string arrives in UTF-8 with its NUL", () => {
  const address = putString(createArena(), "grüße 𝄞");
  expect(new CString(address)).toBe("grüße 𝄞");
});

test.each([
  ["NUL", "a\0b"],
  ["a lone surrogate", "a\ud800b"],
])("a string with %s is refused, not changed", (_, text) => {
  expect(() => putString(createArena(), text)).toThrow(HutchError);
  expect(() => cString(text)).toThrow(HutchError);
});

test("argv is an array of pointers that ends with NULL", () => {
  const address = putStrings(createArena(), ["one", "", "three"]);
  const texts = [0, 8, 16].map((offset) => new CString(read.ptr(address, offset)).toString());
  expect(texts).toEqual(["one", "", "three"]);
  expect(read.ptr(address, 24)).toBe(0);
});

test("an arena that grows keeps what it holds where it is", () => {
  const arena = createArena(64);
  const early = reserve(arena, 16);
  early.view.setBigUint64(0, 0x1122334455667788n, true);
  const late = Array.from({ length: 200 }, (_, index) => ({
    index,
    address: putString(arena, `text ${index}`),
  }));
  const large = reserve(arena, 100_000);
  large.bytes.fill(7);
  Bun.gc(true);
  expect(read.u64(early.address, 0)).toBe(0x1122334455667788n);
  for (const { index, address } of late) expect(new CString(address).toString()).toBe(`text ${index}`);
});

test("a region is zeroed and aligned as asked", () => {
  const arena = createArena();
  putString(arena, "x");
  const region = reserve(arena, 24, 16);
  expect(region.address % 16).toBe(0);
  expect([...region.bytes]).toEqual(new Array(24).fill(0));
});

test("no bytes have the address NULL", () => {
  expect(addressOf(new Uint8Array(0))).toBe(0);
});
