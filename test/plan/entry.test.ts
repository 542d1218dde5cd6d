/** The whole plan of the entry program, printed: what changes in it is seen in the diff of a change. */
import { expect, test } from "bun:test";
import { emit } from "../../src/emit/index.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import { planEntry } from "../../src/plan/entry.ts";
import { printPlan } from "../../src/plan/print.ts";

const BUN = { entry: 0x1a40d00, linker: "/lib64/ld.so", headers: new Uint8Array(8 * 56), debugAt: 0x6867008 };

test("the plan of the entry program", () => {
  expect(printPlan(planEntry("x86_64", BUN), "x86_64")).toMatchSnapshot();
});

test("it is a few kilobytes, wherever it is put", () => {
  for (const arch of ARCHES) {
    for (const base of [0x6e00000, 0x40000000]) {
      const file = emit(planEntry(arch, BUN), { arch, report: { kind: "print", prefix: "hutch" }, base });
      expect(file.length).toBeLessThan(24 * 1024);
      expect(new DataView(file.buffer).getUint32(24, true)).toBeGreaterThan(base);
    }
  }
});
