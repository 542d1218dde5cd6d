import { expect, test } from "bun:test";
import {
  bytesOf,
  createCompactData,
  distanceOf,
  link,
  placeBytes,
  placeConstant,
  placeSequence,
  slotNumber,
} from "../../src/emit/compact-data.ts";
import { MEMORY, PROGRAM_OFFSET } from "../../src/emit/compact-format.ts";
import { buffer, slot, strings, struct } from "../../src/plan/build.ts";

test("equal constants are there once, and buffers of one name are one", () => {
  const data = createCompactData(new Map());
  expect(placeConstant(data, "text")).toEqual(placeConstant(data, "text"));
  expect(placeBytes(data, new Uint8Array([1, 2]))).toEqual(placeBytes(data, new Uint8Array([1, 2])));
  expect(placeConstant(data, buffer("b", 5))).toEqual(placeConstant(data, buffer("b", 5)));
  expect(placeConstant(data, buffer("c", 5))).toEqual({ in: "memory", offset: 8 });
  expect(() => placeConstant(data, buffer("b", 6))).toThrow("buffer b has 5 bytes elsewhere and 6 here");
  expect(data.constants).toHaveLength(7);
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
  expect(data.constants.slice(at, at + 8)).toEqual(bytesOf(text, 8, "address"));
  expect(distanceOf(place, 1000, 0)).toBe(PROGRAM_OFFSET + 1000 + place.offset);
});

test("integers that do not fit, and lists that cannot be told apart, are refused", () => {
  const data = createCompactData(new Map([["own", 3]]));
  expect(bytesOf(-1, 2, "x")).toEqual([255, 255]);
  expect(() => bytesOf(256, 1, "field")).toThrow("emit field: 256 does not fit 1 bytes");
  expect(() => placeSequence(data, strings(["a", ""]))).toThrow(RangeError);
  expect([slotNumber(data, slot("own")), slotNumber(data, slot("new"))]).toEqual([3, 14]);
});
