/** Where structs and strings lie, and what is in them. */
import { expect, test } from "bun:test";
import { createData, placeText } from "../../src/emit/data.ts";
import { ALIGNED, createImage, DATA } from "../../src/emit/image.ts";
import { placeMemory, placeStruct } from "../../src/emit/struct.ts";
import { call, set, slot, strings, struct } from "../../src/plan/build.ts";
import type { Argument } from "../../src/plan/step.ts";
import { contract } from "./machine.ts";

const VALUE = slot("value");
const pair = (one: Argument, two: Argument) =>
  struct("pair", [
    ["one", 8, one],
    ["two", 8, two],
  ]);

test("a struct is a constant unless it holds a slot itself", () => {
  const data = createData(createImage(1));
  const live = pair(1, VALUE);
  expect(placeStruct(data, pair(1, 2)) & 15).toBe(ALIGNED);
  expect(placeStruct(data, live) & 15).toBe(DATA);
  expect(placeStruct(data, pair(1, live)) & 15).toBe(ALIGNED);
  expect(placeStruct(data, pair(1, { kind: "address", slot: VALUE })) & 15).toBe(ALIGNED);
});

test("equal constants have one place, also when their parts were made anew", () => {
  const data = createData(createImage(1));
  const make = () => pair(pair("text", strings(["a", "b"])), 5);
  expect(placeStruct(data, make())).toBe(placeStruct(data, make()));
  expect(placeMemory(data, strings(["a"]))).toBe(placeMemory(data, strings(["a"])));
  expect(placeMemory(data, strings(["a"]))).not.toBe(placeMemory(data, strings(["b"])));
  expect(placeMemory(data, strings([]))).not.toBe(placeMemory(data, strings(["a"])));
});

test("constants that only look alike have places of their own", () => {
  const data = createData(createImage(1));
  const place = placeText(data, "text");
  const places = [
    pair(0, 0),
    pair(0, "text"),
    pair("text", 0),
    pair(0, "other"),
    pair(0, place),
    pair(0, pair(0, 0)),
  ];
  expect(new Set(places.map((one) => placeStruct(data, one))).size).toBe(places.length);
});

test("structs that are written to never share a place", () => {
  const data = createData(createImage(1));
  const one = pair(1, VALUE);
  expect(placeStruct(data, one)).toBe(placeStruct(data, one));
  expect(placeStruct(data, one)).not.toBe(placeStruct(data, pair(1, VALUE)));
});

test("structs begin at a multiple of 8, whatever their size", () => {
  const data = createData(createImage(1));
  const odd = [1, 2, 3].map((value) =>
    struct("odd", [
      ["a", 1, value],
      ["b", 2, value],
    ]),
  );
  expect(odd.map((one) => (placeStruct(data, one) >> 4) % 8)).toEqual([0, 0, 0]);
});

contract("a struct within a struct is filled as well", ({ run }) => {
  const inner = struct("text", [
    ["a", 2, VALUE],
    ["b", 1, 0x0a],
  ]);
  const outer = struct("iovec", [
    ["base", 8, inner],
    ["length", 8, 3],
  ]);
  const plan = [
    set(VALUE, 0x6b6f),
    call("say", "writev", [1, outer, 1]),
    set(VALUE, 0x6f6e),
    call("say", "writev", [1, outer, 1]),
  ];
  expect(run(plan).stdout.toString()).toBe("ok\nno\n");
});

contract("constants that look alike are not mixed up in the program", ({ run }) => {
  const vector = (text: Argument, length: number) =>
    struct("iovec", [
      ["base", 8, text],
      ["length", 8, length],
    ]);
  const plan = [
    call("say", "writev", [1, vector("one", 3), 1]),
    call("say", "writev", [1, vector("two", 3), 1]),
    call("say", "writev", [1, vector(0, 0), 1]),
    call("say", "writev", [1, vector("one", 3), 1]),
  ];
  expect(run(plan).stdout.toString()).toBe("onetwoone");
});
