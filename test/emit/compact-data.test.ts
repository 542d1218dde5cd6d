import { expect, test } from "bun:test";
import {
  createCompactData,
  distanceOf,
  link,
  placeBytes,
  placeConstant,
  placeSequence,
  placeStrings,
  slotNumber,
} from "../../src/emit/compact-data.ts";
import { MEMORY, MOST_BYTES, PROGRAM_OFFSET } from "../../src/emit/compact-format.ts";
import { buffer, strings, struct } from "../../src/plan/build.ts";

test("equal constants are there once, and buffers of one name are one", () => {
  const data = createCompactData(new Map());
  expect(placeConstant(data, "text")).toEqual(placeConstant(data, "text"));
  expect(placeBytes(data, new Uint8Array([1, 2]))).toEqual(placeBytes(data, new Uint8Array([1, 2])));
  expect(placeConstant(data, buffer("b", 5))).toEqual(placeConstant(data, buffer("b", 5)));
  expect(placeConstant(data, buffer("c", 5))).toEqual({ in: "memory", offset: 8 });
  expect(() => placeConstant(data, buffer("b", 6))).toThrow("buffer b has 5 bytes elsewhere and 6 here");
  expect(data.size).toBe(7);
  // What was taken back has left nothing behind.
  expect([...data.constants.subarray(7, 20)]).toEqual(new Array(13).fill(0));
});

test("addresses among the constants are those of the memory that they will lie in", () => {
  const data = createCompactData(new Map());
  const place = placeConstant(
    data,
    struct("s", [
      ["size", 4, 7],
      ["pad", 4, 0],
      ["path", 8, "/x"],
    ]),
  );
  link(data, 1000, 0);
  const at = place.offset + 8;
  const text = MEMORY + PROGRAM_OFFSET + 1000;
  expect(new DataView(data.constants.buffer).getBigUint64(at, true)).toBe(BigInt(text));
  expect(distanceOf(place, 1000, 0)).toBe(PROGRAM_OFFSET + 1000 + place.offset);
});

test("constants of equal bytes are apart where they are of two kinds, or point elsewhere", () => {
  const data = createCompactData(new Map());
  const list = placeSequence(data, strings(["a"]));
  expect(placeBytes(data, new Uint8Array([97, 0, 0]))).not.toEqual(list);
  expect(placeSequence(data, strings(["a"]))).toEqual(list);
  const [one, other] = [placeStrings(data, strings(["x"])), placeStrings(data, strings(["y"]))];
  expect(one).not.toEqual(other);
  expect(placeStrings(data, strings(["x"]))).toEqual(one);
  const named = (text: string) => placeConstant(data, struct("s", [["text", 8, text]]));
  expect(named("x")).toEqual(named("x"));
  expect(named("x")).not.toEqual(named("y"));
  expect(placeBytes(data, new Uint8Array(8))).not.toEqual(named("x"));
  expect(data.pointers).toHaveLength(4);
});

test("lists that cannot be told apart, and more than a program may have, are refused", () => {
  const data = createCompactData(new Map([["own", 3]]));
  expect(() => placeSequence(data, strings(["a", ""]))).toThrow(RangeError);
  expect(() => placeBytes(data, new Uint8Array(MOST_BYTES + 1))).toThrow(RangeError);
  expect(() => placeConstant(data, "a\0b")).toThrow("is no C string");
  expect([slotNumber(data, "own"), slotNumber(data, "new")]).toEqual([3, 14]);
});
