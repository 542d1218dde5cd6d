import { expect, test } from "bun:test";
import {
  bufferPlace,
  createData,
  integerOf,
  placeBytes,
  placeText,
  slotNumber,
} from "../../src/emit/data.ts";
import { BUFFERS, BYTES, createImage, reference } from "../../src/emit/image.ts";
import { buffer, slot } from "../../src/plan/build.ts";

const fresh = () => createData(createImage(1));

test("slots are numbered in the order of their first use", () => {
  const data = fresh();
  expect(["a", "b", "a", "c"].map((name) => slotNumber(data, slot(name)))).toEqual([0, 1, 0, 2]);
  expect(data.image.slotsSize).toBe(24);
});

test("buffers of one name are one place, and begin at multiples of 8", () => {
  const data = fresh();
  const places = [buffer("a", 3), buffer("b", 9), buffer("a", 3)].map((one) => bufferPlace(data, one));
  expect(places).toEqual([reference(BUFFERS, 0), reference(BUFFERS, 8), reference(BUFFERS, 0)]);
  expect(data.image.buffersSize).toBe(24);
});

test("integers are given as safe numbers, or as signed bigints", () => {
  const data = fresh();
  expect(integerOf(data, 2n ** 64n - 1n)).toBe(-1);
  expect(integerOf(data, 2n ** 63n)).toBe(-(2n ** 63n));
  expect(integerOf(data, 5n)).toBe(5);
  expect(integerOf(data, -7)).toBe(-7);
});

test("texts are measured in UTF-8, whatever they hold", () => {
  const data = fresh();
  const places = ["ab", "äö", "\n", "🐇", "\x7f", ""].map((text) => placeText(data, text) >> 4);
  expect(places).toEqual([0, 3, 8, 10, 15, 17]);
  expect(placeText(data, "äö") >> 4).toBe(3);
  expect(() => placeText(data, "\udc00")).toThrow("is not Unicode");
  expect(() => placeText(data, "a\0")).toThrow("contains a NUL character");
});

test("equal bytes have one place, also in arrays of their own", () => {
  const data = fresh();
  const one = new Uint8Array([1, 2, 3]);
  const first = placeBytes(data, one);
  expect(first).toBe(reference(BYTES, 0));
  expect(placeBytes(data, one)).toBe(first);
  expect(placeBytes(data, new Uint8Array([1, 2, 3]))).toBe(first);
  expect(placeBytes(data, new Uint8Array([1, 2, 4]))).toBe(reference(BYTES, 8));
});
