import { CString, read } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import {
  bufferRegion,
  createMemory,
  type FieldSize,
  get,
  placeCall,
  placeOperands,
  put,
  slotRegion,
} from "../../src/host/layout.ts";
import { syscallNumber } from "../../src/host/syscall.ts";
import { address, buffer, call, set, slot, strings, struct } from "../../src/plan/build.ts";

test("slots and buffers of one name are one memory, and a slot and a buffer of one name are two", () => {
  const memory = createMemory();
  const a = slotRegion(memory, slot("a"));
  expect(slotRegion(memory, slot("a"))).toBe(a);
  expect(slotRegion(memory, slot("b")).address).not.toBe(a.address);
  const bytes = bufferRegion(memory, buffer("a", 16), "here");
  expect(bufferRegion(memory, buffer("a", 16), "here")).toBe(bytes);
  expect(bytes.address).not.toBe(a.address);
});

test.each([0, -1, 1.5])("a buffer of %d bytes is refused by name", (size) => {
  expect(() => bufferRegion(createMemory(), buffer("b", size), "here")).toThrow(
    `perform here: the buffer b has a size of ${size}`,
  );
});

describe("a value keeps its low bytes, and comes back zero-extended, or signed when it has 8", () => {
  const rows: readonly (readonly [FieldSize, bigint])[] = [
    [1, 0xfen],
    [2, 0xfffen],
    [4, 0xffff_fffen],
    [8, -2n],
  ];
  for (const [size, expected] of rows) {
    test(`${size} bytes of -2`, () => {
      const region = bufferRegion(createMemory(), buffer("b", 16), "here");
      put(region, 3, size, -2n);
      expect(get(region, 3, size)).toBe(expected);
      expect(region.bytes.filter((byte) => byte !== 0)).toHaveLength(size);
    });
  }
});

test("a step's own slots and buffers have places before it runs", () => {
  const memory = createMemory();
  placeOperands(
    memory,
    { kind: "decimal", to: buffer("d", 21), value: slot("v"), length: slot("n") },
    "here",
  );
  placeOperands(memory, set(slot("x"), buffer("e", 8)), "here");
  expect([...memory.slots.keys()].sort()).toEqual(["n", "v", "x"]);
  expect([...memory.buffers.keys()]).toEqual(["d", "e"]);
});

test("the operands of a call are numbers, addresses, and slots that are read when it is made", () => {
  const memory = createMemory();
  const args = [7, "text", strings(["one"]), slot("s"), address(slot("s")), buffer("b", 8)];
  const { number, operands, patches } = placeCall(memory, call("try", "openat", args), "here");
  const [seven, text, list, value, pointer, bytes] = operands;
  expect(number).toBe(syscallNumber("openat"));
  expect(seven).toBe(7n);
  expect(new CString(Number(text)).toString()).toBe("text");
  expect(new CString(read.ptr(Number(list))).toString()).toBe("one");
  expect(value).toBe(slotRegion(memory, slot("s")));
  expect(pointer).toBe(slotRegion(memory, slot("s")).address);
  expect(bytes).toBe(bufferRegion(memory, buffer("b", 8), "here").address);
  expect(patches).toEqual([]);
});

test("the fields of a struct follow each other without gaps, and its slots are left to be filled in", () => {
  const memory = createMemory();
  const what = struct("s", [
    ["a", 1, -1],
    ["b", 2, 0x1234],
    ["c", 8, slot("c")],
    ["d", 8, "text"],
  ]);
  const { operands, patches } = placeCall(memory, call("try", "openat", [what]), "here");
  const base = Number(operands[0]);
  expect([read.u8(base, 0), read.u16(base, 1), read.u64(base, 3)]).toEqual([0xff, 0x1234, 0n]);
  expect(new CString(read.ptr(base, 11)).toString()).toBe("text");
  expect(patches).toMatchObject([{ offset: 3, size: 8, slot: slotRegion(memory, slot("c")) }]);
});

test("a field that does not hold its value is refused by the names of struct and field", () => {
  const place = (value: number | string): unknown =>
    placeCall(createMemory(), call("try", "openat", [struct("s", [["f", 1, value]])]), "here");
  expect(() => place(255)).not.toThrow();
  expect(() => place(256)).toThrow("perform here, s.f: 256 does not fit 1 bytes");
  expect(() => place("text")).toThrow("perform here, s.f: a pointer has 8 bytes");
});
