/** An executable with a program before it, as its headers say; test/e2e/entry.test.ts runs the real one. */
import { expect, test } from "bun:test";
import { graft, successorOf } from "../../scripts/graft.ts";
import { emit } from "../../src/emit/index.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import { exit } from "../../src/plan/build.ts";

const PT = { load: 1, dynamic: 2, interp: 3, note: 4, phdr: 6, stack: 0x6474e551 } as const;
type Row = readonly [type: number, offset: number, address: number, inFile: number, inMemory: number];

const ENTRY = 0x201000;
const DYNAMIC = 0x900;
const ROWS: readonly Row[] = [
  [PT.phdr, 64, 0x200040, 7 * 56, 7 * 56],
  [PT.interp, 0x800, 0x200800, 13, 13],
  [PT.load, 0, 0x200000, 0x1000, 0x1000],
  [PT.load, 0x1000, 0x201000, 0x500, 0x9000],
  [PT.dynamic, DYNAMIC, 0x200900, 48, 48],
  [PT.stack, 0, 0, 0, 0],
  [PT.note, 0x700, 0x200700, 16, 16],
];

/** An executable with these program headers. */
function executable(rows: readonly Row[] = ROWS, type = 2): Uint8Array {
  const file = new Uint8Array(0x1500);
  const view = new DataView(file.buffer);
  view.setUint16(16, type, true);
  view.setBigUint64(24, BigInt(ENTRY), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, rows.length, true);
  for (const [index, [kind, offset, address, inFile, inMemory]] of rows.entries()) {
    const at = 64 + index * 56;
    view.setUint32(at, kind, true);
    for (const [field, value] of [
      [8, offset],
      [16, address],
      [24, address],
      [32, inFile],
      [40, inMemory],
    ] as const) {
      view.setBigUint64(at + field, BigInt(value), true);
    }
  }
  new TextEncoder().encodeInto("/lib/ld.so.1", file.subarray(0x800));
  for (const [index, value] of [1, 5, 21, 0, 0, 0].entries()) {
    view.setBigUint64(DYNAMIC + index * 8, BigInt(value), true);
  }
  return file;
}

/** The types of the program headers, and the fields of each. */
function tableOf(file: Uint8Array): { type: number; offset: number; address: number; inMemory: number }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const word = (at: number): number => Number(view.getBigUint64(at, true));
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => 64 + index * 56).map((at) => ({
    type: view.getUint32(at, true),
    offset: word(at + 8),
    address: word(at + 16),
    inMemory: word(at + 40),
  }));
}

const REPORT = { kind: "print", prefix: "hutch" } as const;

test("the program learns where the executable begins, and who links it", () => {
  const bun = successorOf(executable());
  expect(bun).toMatchObject({ entry: ENTRY, linker: "/lib/ld.so.1", debugAt: 0x200918, base: 0x400000 });
  const headers = new Uint8Array([...executable().slice(0, 64), ...(bun?.headers ?? [])]);
  new DataView(headers.buffer).setUint16(56, 6, true);
  expect(tableOf(headers).map(({ type }) => type)).toEqual(ROWS.slice(1).map(([type]) => type));
});

test("an executable without fixed addresses is left alone", () => {
  expect(successorOf(executable(ROWS, 3))).toBeUndefined();
});

for (const arch of ARCHES) {
  test(`${arch}: the kernel loads the program with the executable, and begins it`, () => {
    const file = executable();
    const base = successorOf(file)?.base ?? 0;
    const program = emit([exit(0, "end")], { arch, report: REPORT, base });
    const grafted = graft(file, program, arch);
    const table = tableOf(grafted);
    expect(table.map(({ type }) => type)).toEqual([
      PT.phdr,
      PT.load,
      PT.load,
      PT.load,
      PT.load,
      PT.dynamic,
      PT.stack,
    ]);
    const loads = table.filter(({ type }) => type === PT.load);
    expect(loads.map(({ address }) => address)).toEqual(
      loads.map(({ address }) => address).sort((a, b) => a - b),
    );
    const [, , code] = loads;
    const page = arch === "x86_64" ? 4096 : 65536;
    expect([code?.address, (code?.offset ?? 1) % page]).toEqual([base, 0]);
    expect(grafted.slice(code?.offset)).toEqual(program);
    const entry = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(24, true);
    expect(entry(grafted)).toBe(entry(program));
    // Nothing of the executable but its headers has changed, or has moved.
    const before = 64 + 7 * 56;
    expect(grafted.slice(before, file.length)).toEqual(file.slice(before));
  });
}

test("an executable that has no program headers to spare is refused", () => {
  const rows = ROWS.filter(([type]) => type !== PT.note);
  const program = emit([exit(0, "end")], { arch: "x86_64", report: REPORT, base: 0x400000 });
  expect(() => graft(executable(rows), program, "x86_64")).toThrow("too few program headers");
});

test("an executable without DT_DEBUG is refused, for nobody could tell whether it is linked", () => {
  const file = executable();
  file.fill(0, DYNAMIC + 16, DYNAMIC + 24);
  expect(() => successorOf(file)).toThrow("no DT_DEBUG");
});
