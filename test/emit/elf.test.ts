/** The files as readelf and the rules of elf(5) see them. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { emit } from "../../src/emit/index.ts";
import { ARCHES, type Arch } from "../../src/linux/arch.ts";
import { buffer, bytes, call, set, slot, strings, struct } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/step.ts";
import { lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
  readonly memory: number;
  readonly alignment: number;
}

const PT_LOAD = 1;
const PT_NOTE = 4;
const PT_GNU_STACK = 0x6474e551;
const REPORT = { kind: "print", prefix: "hutch" } as const;
const VALUE = slot("value");

const SIMPLE: Plan = [call("say", "write", [1, "x", 1])];
const WITH_DATA: Plan = [
  set(VALUE, 1),
  call("say", "write", [
    1,
    struct("pair", [
      ["a", 8, VALUE],
      ["b", 8, 7],
    ]),
    16,
  ]),
  call("say", "write", [1, buffer("large", 1_000_000), 16]),
];
const PLANS = { simple: SIMPLE, "with data": WITH_DATA, empty: [] } as const;

function segmentsOf(file: Uint8Array): Segment[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = 64 + index * 56;
    const word = (offset: number): number => Number(view.getBigUint64(at + offset, true));
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: word(8),
      address: word(16),
      size: word(32),
      memory: word(40),
      alignment: word(48),
    };
  });
}

const cases = ARCHES.flatMap((arch) => Object.entries(PLANS).map(([name, plan]) => ({ arch, name, plan })));

test("no segment is writable and executable, and the stack is not executable", () => {
  for (const { arch, plan } of cases) {
    const segments = segmentsOf(emit(plan, { arch, report: REPORT }));
    expect(segments.map(({ flags }) => flags)).toEqual([5, 6, 6]);
    expect(segments.map(({ type }) => type)).toEqual([PT_LOAD, PT_LOAD, PT_GNU_STACK]);
  }
});

test("segments lie in pages of their own, congruent to their place in the file", () => {
  for (const { arch, plan } of cases) {
    const file = emit(plan, { arch, report: REPORT });
    const page = arch === "x86_64" ? 0x1000 : 0x10000;
    const [code, data] = segmentsOf(file).filter(({ type }) => type === PT_LOAD);
    if (code === undefined || data === undefined) throw new Error("there are two segments");
    for (const { address, offset, alignment, size, memory } of [code, data]) {
      expect(alignment).toBe(page);
      expect(address % page).toBe(offset % page);
      expect(size).toBeLessThanOrEqual(memory);
      expect(offset + size).toBeLessThanOrEqual(file.length);
    }
    const lastPage = Math.floor((code.address + code.memory - 1) / page);
    expect(Math.floor(data.address / page)).toBeGreaterThan(lastPage);
    // Linux before 6.7 maps a segment without bytes in the file from the next page on.
    if (data.size === 0) expect(data.address % page).toBe(0);
  }
});

test("the file ends with the last initialised byte", () => {
  for (const { arch, plan } of cases) {
    const file = emit(plan, { arch, report: REPORT });
    const ends = segmentsOf(file).map(({ offset, size }) => offset + size);
    expect(Math.max(...ends)).toBe(file.length);
  }
});

test("notes are in the file and not in memory", () => {
  for (const arch of ARCHES) {
    const note = [
      { name: "hutch", bytes: new Uint8Array([1, 2, 3]) },
      { name: "abc", bytes: new Uint8Array([9]) },
    ];
    const file = emit(WITH_DATA, { arch, report: REPORT, note });
    const found = segmentsOf(file).find(({ type }) => type === PT_NOTE);
    expect(found).toMatchObject({ address: 0, memory: 0, alignment: 4 });
    const text = Buffer.from(file).subarray(found?.offset, (found?.offset ?? 0) + (found?.size ?? 0));
    expect(text.toString("hex")).toBe(
      `${"06000000"}${"03000000"}${"01000000"}6875746368000000010203${"00"}` +
        `${"04000000"}${"01000000"}${"01000000"}6162630009000000`,
    );
    expect((found?.offset ?? 0) + (found?.size ?? 0)).toBe(file.length);
  }
});

testUnless(lacksProgram("readelf"))("readelf has nothing to complain about", () => {
  const directory = temporaryDirectory("elf");
  for (const { arch, name, plan } of cases) {
    const path = `${directory}/${arch} ${name}`;
    const note = [{ name: "hutch", bytes: new Uint8Array(5) }];
    writeFileSync(path, emit(plan, { arch, report: REPORT, note }));
    const { stdout, stderr } = Bun.spawnSync(["readelf", "-h", "-l", "-n", "-W", path]);
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toContain("EXEC (Executable file)");
    expect(stdout.toString()).not.toMatch(/RWE|warning/i);
  }
});

const sizeOf = (arch: Arch, plan: Plan): number => emit(plan, { arch, report: REPORT }).length;

test("equal constants are in the file once", () => {
  const texts = ["a long text that is used again", "and another one"];
  const open = () =>
    struct("open_how", [
      ["flags", 8, 3],
      ["mode", 8, 0],
      ["resolve", 8, 16],
      ["path", 8, "/a"],
    ]);
  const variants: readonly (() => Parameters<typeof call>[2][number])[] = [
    () => texts[0] ?? "",
    () => strings([...texts]),
    () => bytes(new Uint8Array(400).fill(7)),
    () => bytes(new Uint8Array(401).fill(8)),
    open,
    () =>
      struct("outer", [
        ["inner", 8, open()],
        ["list", 8, strings([...texts])],
      ]),
  ];
  for (const arch of ARCHES) {
    for (const make of variants) {
      const once = [call("use", "read", [0, make(), 1]), call("use", "read", [0, 0, 1])];
      const twice = [call("use", "read", [0, make(), 1]), call("use", "read", [0, make(), 1])];
      expect(sizeOf(arch, twice) - sizeOf(arch, once)).toBeLessThan(16);
    }
  }
});

test("a program is small", () => {
  const mounts = Array.from({ length: 40 }, (_, index) =>
    call(`mount tmpfs on /mnt/${index}`, "mount", ["tmpfs", `/mnt/${index}`, "tmpfs", 14, "mode=755"], {
      hints: { EPERM: "run as root" },
    }),
  );
  for (const arch of ARCHES) {
    expect(sizeOf(arch, [])).toBeLessThan(3600);
    expect(sizeOf(arch, mounts)).toBeLessThan(8200);
    expect(emit(mounts, { arch, report: { kind: "pipe", fd: 3 } }).length).toBeLessThan(4200);
  }
});
