/** A dynamic linker in memory, beside what its file says, on both architectures. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { compute, set, slot } from "../../src/plan/build.ts";
import { BASE, ENTRY, mapLinker, PAGE } from "../../src/plan/linker.ts";
import type { Plan } from "../../src/plan/step.ts";
import { contract, show, showMemory } from "../emit/machine.ts";

const PATHS = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
const PAGE_SIZE = 4096;
const PLACE = slot("place");

/** The segments to be loaded: their addresses, and what they hold. */
function segmentsOf(file: Buffer): { address: number; content: Buffer }[] {
  const word = (at: number): number => Number(file.readBigUInt64LE(at));
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => word(32) + index * 56)
    .filter((at) => file.readUInt32LE(at) === 1)
    .map((at) => {
      const [offset, inFile, inMemory] = [word(at + 8), word(at + 32), word(at + 40)];
      const content = Buffer.alloc(inMemory);
      file.copy(content, 0, offset, offset + inFile);
      return { address: word(at + 16), content };
    });
}

const path = PATHS.find((each) => existsSync(each));

contract(
  "every segment of a dynamic linker is in memory, and zero where the file says nothing",
  ({ run }) => {
    if (path === undefined) throw new Error(`this machine has none of ${PATHS.join(", ")}`);
    const file = readFileSync(path);
    const segments = segmentsOf(file);
    const plan: Plan = [
      set(PAGE, PAGE_SIZE),
      ...mapLinker(path),
      show(BASE, ENTRY),
      ...segments.flatMap(({ address, content }) => [
        compute(PLACE, BASE, "add", address),
        showMemory(PLACE, content.length),
      ]),
    ];
    const { stdout, stderr } = run(plan);
    expect(stderr).toBe("");
    expect(stdout.readBigUInt64LE(8) - stdout.readBigUInt64LE(0)).toBe(file.readBigUInt64LE(24));
    expect(stdout.subarray(16).equals(Buffer.concat(segments.map(({ content }) => content)))).toBeTrue();
  },
);

contract("a dynamic linker that is missing is told by its path", ({ run }) => {
  const { code, stderr } = run([set(PAGE, PAGE_SIZE), ...mapLinker("/nowhere/ld.so")]);
  expect(code).toBe(125);
  expect(stderr).toContain("read the dynamic linker /nowhere/ld.so: openat: ENOENT");
});
