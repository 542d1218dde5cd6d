import { expect, test } from "bun:test";
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
