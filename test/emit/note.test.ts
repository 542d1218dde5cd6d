import { describe, expect, test } from "bun:test";
import { emit } from "../../src/emit/index.ts";
import { readNotes } from "../../src/emit/note.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import { exit } from "../../src/plan/build.ts";

for (const arch of ARCHES) {
  test(`${arch}: notes are read as they were written`, () => {
    const note = [
      { name: "hutch", bytes: new Uint8Array([1, 2, 3]) },
      { name: "other", bytes: new Uint8Array(0) },
    ];
    const file = emit([exit(0, "end")], { arch, report: { kind: "print", prefix: "x" }, note });
    const read = readNotes(file);
    expect(read?.arch).toBe(arch);
    expect([...(read?.notes ?? [])]).toEqual(note.map(({ name, bytes }) => [name, bytes]));
    expect(() => readNotes(file.slice(0, 200))).toThrow("damaged");
  });
}

test("what is no program has no notes", () => {
  expect(readNotes(new TextEncoder().encode("#!/bin/sh\n".repeat(20)))).toBeUndefined();
  expect(readNotes(new Uint8Array(3))).toBeUndefined();
});

describe("a forged program", () => {
  const HEADERS = 120;
  /** One segment of notes, `phnum` times. */
  function forge(notes: Uint8Array, phnum = 1, size = notes.length): Uint8Array {
    const file = new Uint8Array(HEADERS + notes.length);
    const view = new DataView(file.buffer);
    view.setUint32(0, 0x7f454c46);
    view.setUint16(18, 62, true);
    view.setBigUint64(32, 64n, true);
    view.setUint16(56, phnum, true);
    view.setUint32(64, 4, true);
    view.setBigUint64(72, BigInt(HEADERS), true);
    view.setBigUint64(96, BigInt(size), true);
    file.set(notes, HEADERS);
    return file;
  }

  test("whose note says that it begins before itself is not read for ever", () => {
    for (const [name, content] of [
      [0xfffffff0, 4],
      [0, 0xfffffff4],
      [0xffffffff, 0xffffffff],
    ] as const) {
      const notes = new Uint8Array(4096);
      new DataView(notes.buffer).setUint32(0, name, true);
      new DataView(notes.buffer).setUint32(4, content, true);
      expect(readNotes(forge(notes))?.notes.size).toBe(1);
    }
  });

  test("of very many notes or segments is damaged", () => {
    expect(() => readNotes(forge(new Uint8Array(2 ** 20)))).toThrow("damaged");
    expect(() => readNotes(forge(new Uint8Array(12), 65535))).toThrow("damaged");
  });

  test("whose notes go on behind its end is damaged", () => {
    expect(() => readNotes(forge(new Uint8Array(12), 1, 2 ** 40))).toThrow("damaged");
  });
});
