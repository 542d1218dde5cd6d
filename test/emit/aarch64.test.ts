/** aarch64 encodings: golden rows, and random instructions, both read back by objdump. */
import { expect, test } from "bun:test";
import { createAarch64, patchAarch64 } from "../../src/emit/aarch64.ts";
import type { Assembler, Integer, Operation, Register } from "../../src/emit/assembler.ts";
import { createImage } from "../../src/emit/image.ts";
import { testUnless } from "../support/skip.ts";
import { disassemble, lacksDisassembler } from "./disassemble.ts";
import { randomInteger, randomNumbers } from "./random-plan.ts";

/** What is asked for, its bytes, and how objdump reads them. */
type Row = readonly [emit: (asm: Assembler) => void, hex: string, text: string];

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  [(asm) => asm.integer(0, 0), "000080d2", "mov x0, #0x0"],
  [(asm) => asm.integer(1, 1), "210080d2", "mov x1, #0x1"],
  [(asm) => asm.integer(5, 127), "e50f80d2", "mov x5, #0x7f"],
  [(asm) => asm.integer(9, 0), "090080d2", "mov x9, #0x0"],
  [(asm) => asm.integer(9, 1), "290080d2", "mov x9, #0x1"],
  [(asm) => asm.integer(2, 128), "021080d2", "mov x2, #0x80"],
  [(asm) => asm.integer(4, 65535), "e4ff9fd2", "mov x4, #0xffff"],
  [(asm) => asm.integer(4, 65536), "2400a0d2", "mov x4, #0x10000"],
  [(asm) => asm.integer(3, 0xffffffff), "03008012", "mov w3, #0xffffffff"],
  [(asm) => asm.integer(3, 0xffff1234), "63b99d12", "mov w3, #0xffff1234"],
  [(asm) => asm.integer(3, 0x12340000), "8346a2d2", "mov x3, #0x12340000"],
  [(asm) => asm.integer(9, 0x12345678), "09cf8ad28946a2f2", "mov x9, #0x5678; movk x9, #0x1234, lsl #16"],
  [(asm) => asm.integer(0, -1), "00008092", "mov x0, #0xffffffffffffffff"],
  [(asm) => asm.integer(2, -100), "620c8092", "mov x2, #0xffffffffffffff9c"],
  [(asm) => asm.integer(9, -1), "09008092", "mov x9, #0xffffffffffffffff"],
  [(asm) => asm.integer(2, -129), "02108092", "mov x2, #0xffffffffffffff7f"],
  [(asm) => asm.integer(9, -65537), "2900a092", "mov x9, #0xfffffffffffeffff"],
  [(asm) => asm.integer(2, 0x123456789a), "42138fd2c28aa6f24202c0f2", "mov x2, #0x789a; movk x2, #0x3456, lsl #16; movk x2, #0x12, lsl #32"],
  [(asm) => asm.integer(9, 2n ** 63n - 1n), "0900f092", "mov x9, #0x7fffffffffffffff"],
  [(asm) => asm.integer(9, -(2n ** 63n)), "0900f0d2", "mov x9, #0x8000000000000000"],
  [(asm) => asm.move(1, 2), "e10302aa", "mov x1, x2"],
  [(asm) => asm.move(9, 2), "e90302aa", "mov x9, x2"],
  [(asm) => asm.move(2, 9), "e20309aa", "mov x2, x9"],
  [(asm) => asm.move(2, 2), "", ""],
  [(asm) => asm.loadSlot(1, 0), "810340f9", "ldr x1, [x28]"],
  [(asm) => asm.loadSlot(9, 31), "897f40f9", "ldr x9, [x28, #248]"],
  [(asm) => asm.loadSlot(1, 32), "818340f9", "ldr x1, [x28, #256]"],
  [(asm) => asm.storeSlot(0, 2), "820300f9", "str x2, [x28]"],
  [(asm) => asm.storeSlot(40, 9), "89a300f9", "str x9, [x28, #320]"],
  [(asm) => asm.slotAddress(2, 0), "82030091", "add x2, x28, #0x0"],
  [(asm) => asm.slotAddress(9, 3), "89630091", "add x9, x28, #0x18"],
  [(asm) => asm.load(1, 2, 0, 1), "41004039", "ldrb w1, [x2]"],
  [(asm) => asm.load(9, 2, 5, 2), "49504078", "ldurh w9, [x2, #5]"],
  [(asm) => asm.load(1, 9, 8, 4), "210940b9", "ldr w1, [x9, #8]"],
  [(asm) => asm.load(1, 2, 255, 8), "41f04ff8", "ldur x1, [x2, #255]"],
  [(asm) => asm.load(1, 4, 8, 8), "810440f9", "ldr x1, [x4, #8]"],
  [(asm) => asm.load(1, 5, 0, 8), "a10040f9", "ldr x1, [x5]"],
  [(asm) => asm.load(1, 12, 0, 8), "810140f9", "ldr x1, [x12]"],
  [(asm) => asm.load(1, 13, 0, 1), "a1014039", "ldrb w1, [x13]"],
  [(asm) => asm.load(1, 2, 300, 8), "902580d25000108b010240f9", "mov x16, #0x12c; add x16, x2, x16; ldr x1, [x16]"],
  [(asm) => asm.load(1, 2, 301, 8), "b02580d25000108b010240f9", "mov x16, #0x12d; add x16, x2, x16; ldr x1, [x16]"],
  [(asm) => asm.store(2, 0, 1, 1), "41000039", "strb w1, [x2]"],
  [(asm) => asm.store(2, 0, 6, 1), "46000039", "strb w6, [x2]"],
  [(asm) => asm.store(2, 1, 9, 1), "49040039", "strb w9, [x2, #1]"],
  [(asm) => asm.store(2, 3, 1, 2), "41300078", "sturh w1, [x2, #3]"],
  [(asm) => asm.store(9, 4, 9, 2), "29090079", "strh w9, [x9, #4]"],
  [(asm) => asm.store(2, 0, 1, 4), "410000b9", "str w1, [x2]"],
  [(asm) => asm.store(9, 200, 1, 8), "216500f9", "str x1, [x9, #200]"],
  [(asm) => asm.operate("add", 1, 2), "2100028b", "add x1, x1, x2"],
  [(asm) => asm.operate("sub", 9, 2), "290102cb", "sub x9, x9, x2"],
  [(asm) => asm.operate("and", 1, 9), "2100098a", "and x1, x1, x9"],
  [(asm) => asm.operate("or", 0, 1), "000001aa", "orr x0, x0, x1"],
  [(asm) => asm.operate("cmp", 1, 2), "3f0002eb", "cmp x1, x2"],
  [(asm) => asm.operate("test", 9, 9), "3f0109ea", "tst x9, x9"],
  [(asm) => asm.operateInteger("add", 1, 1), "21040091", "add x1, x1, #0x1"],
  [(asm) => asm.operateInteger("add", 1, 4096), "21044091", "add x1, x1, #0x1, lsl #12"],
  [(asm) => asm.operateInteger("sub", 9, 8), "292100d1", "sub x9, x9, #0x8"],
  [(asm) => asm.operateInteger("sub", 1, -8), "21200091", "add x1, x1, #0x8"],
  [(asm) => asm.operateInteger("and", 1, 255), "f01f80d22100108a", "mov x16, #0xff; and x1, x1, x16"],
  [(asm) => asm.operateInteger("and", 0, 255), "f01f80d20000108a", "mov x16, #0xff; and x0, x0, x16"],
  [(asm) => asm.operateInteger("or", 9, -1), "10008092290110aa", "mov x16, #0xffffffffffffffff; orr x9, x9, x16"],
  [(asm) => asm.operateInteger("cmp", 0, -9), "1f2400b1", "cmn x0, #0x9"],
  [(asm) => asm.operateInteger("cmp", 0, -200), "1f2003b1", "cmn x0, #0xc8"],
  [(asm) => asm.operateInteger("cmp", 9, 0x12345678), "10cf8ad29046a2f23f0110eb", "mov x16, #0x5678; movk x16, #0x1234, lsl #16; cmp x9, x16"],
  [(asm) => asm.operateInteger("cmp", 1, 0x123456789a), "50138fd2d08aa6f25002c0f23f0010eb", "mov x16, #0x789a; movk x16, #0x3456, lsl #16; movk x16, #0x12, lsl #32; cmp x1, x16"],
  [(asm) => asm.operateInteger("test", 0, 1), "300080d21f0010ea", "mov x16, #0x1; tst x0, x16"],
  [(asm) => asm.operateInteger("test", 9, 16), "100280d23f0110ea", "mov x16, #0x10; tst x9, x16"],
  [(asm) => asm.operateInteger("test", 1, 0xffffffff), "100080123f0010ea", "mov w16, #0xffffffff; tst x1, x16"],
  [(asm) => asm.shiftLeft(1, 3), "21f07dd3", "lsl x1, x1, #3"],
  [(asm) => asm.shiftLeft(9, 63), "290141d3", "lsl x9, x9, #63"],
  [(asm) => asm.shiftLeft(1, 0), "21fc40d3", "lsr x1, x1, #0"],
  [(asm) => asm.shiftRight(1, 6), "21fc46d3", "lsr x1, x1, #6"],
  [(asm) => asm.shiftRight(9, 0), "29fd40d3", "lsr x9, x9, #0"],
  [(asm) => asm.multiply(1, 2), "217c029b", "mul x1, x1, x2"],
  [(asm) => asm.multiply(9, 20), "297d149b", "mul x9, x9, x20"],
  [(asm) => asm.divide(asm.registers.pointer), "3009ca9a0ba60a9be90310aa", "udiv x16, x9, x10; msub x11, x16, x10, x9; mov x9, x16"],
  [(asm) => asm.syscall(231), "e81c80d2010000d4", "mov x8, #0xe7; svc #0x0"],
  [(asm) => asm.fallibleSyscall(3), "680080d2010000d41ffc3fb102000054", "mov x8, #0x3; svc #0x0; cmn x0, #0xfff; b.cs 0xc"],
  [(asm) => asm.fallibleSyscall(424), "083580d2010000d41ffc3fb102000054", "mov x8, #0x1a8; svc #0x0; cmn x0, #0xfff; b.cs 0xc"],
  [(asm) => asm.jumpTo(1), "20001fd6", "br x1"],
  [(asm) => asm.jumpTo(12), "80011fd6", "br x12"],
  [(asm) => asm.link(12), "ec031eaa", "mov x12, x30"],
  [(asm) => asm.link(1), "e1031eaa", "mov x1, x30"],
  [(asm) => asm.return(), "c0035fd6", "ret"],
  [(asm) => asm.callRoutine(0), "00000094", "bl 0x0"],
];

function assemble(emit: (asm: Assembler) => void): Uint8Array {
  const image = createImage(4);
  emit(createAarch64(image, false));
  return new Uint8Array(new Int32Array(image.code).buffer);
}

test("every operation has its golden bytes", () => {
  const rows = ROWS.map(([emit, , text]) => ({ text, hex: Buffer.from(assemble(emit)).toString("hex") }));
  expect(rows).toEqual(ROWS.map(([, hex, text]) => ({ text, hex })));
});

testUnless(lacksDisassembler("aarch64"))("objdump reads the golden bytes as they are meant", () => {
  const read = ROWS.map(([, hex]) => disassemble("aarch64", Buffer.from(hex, "hex")).join("; "));
  expect(read).toEqual(ROWS.map(([, , text]) => text));
});

const OPERATIONS: readonly Operation[] = ["add", "sub", "and", "or", "cmp", "test"];
const MNEMONICS: Readonly<Record<Operation, string>> = {
  add: "add",
  sub: "sub",
  and: "and",
  or: "orr",
  cmp: "cmp",
  test: "tst",
};
const SIZES = [1, 2, 4, 8] as const;
const SUFFIX = { 1: "b", 2: "h", 4: "", 8: "" } as const;

const x = (number: Register): string => `x${number}`;

/** One random instruction and what it is called. */
function randomInstruction(random: (limit: number) => number): {
  emit: (asm: Assembler) => void;
  text: string;
} {
  const one = random(31);
  const two = random(31);
  const size = SIZES[random(4)] ?? 8;
  const scaled = random(4096) * size;
  const unscaled = random(256) - 256;
  const operation = OPERATIONS[random(6)] ?? "add";
  const amount = 1 + random(62);
  const immediate = random(4096);
  const slot = 1 + random(4095);
  const part = `${size === 8 ? "x" : "w"}${one}`;
  const arithmetic = random(2) === 0 ? "add" : "sub";
  const both = operation === "cmp" || operation === "test" ? x(one) : `${x(one)}, ${x(one)}`;
  const far = scaled === 0 ? `[${x(two)}]` : `[${x(two)}, #${scaled}]`;
  const near = `[${x(two)}, #${unscaled}]`;
  const place = `[x28, #${slot * 8}]`;
  const rows = [
    { emit: (asm: Assembler) => asm.loadSlot(one, slot), text: `ldr ${x(one)}, ${place}` },
    { emit: (asm: Assembler) => asm.storeSlot(slot, one), text: `str ${x(one)}, ${place}` },
    {
      emit: (asm: Assembler) => asm.load(one, two, scaled, size),
      text: `ldr${SUFFIX[size]} ${part}, ${far}`,
    },
    {
      emit: (asm: Assembler) => asm.store(two, scaled, one, size),
      text: `str${SUFFIX[size]} ${part}, ${far}`,
    },
    {
      emit: (asm: Assembler) => asm.load(one, two, unscaled, size),
      text: `ldur${SUFFIX[size]} ${part}, ${near}`,
    },
    {
      emit: (asm: Assembler) => asm.store(two, unscaled, one, size),
      text: `stur${SUFFIX[size]} ${part}, ${near}`,
    },
    {
      emit: (asm: Assembler) => asm.operate(operation, one, two),
      text: `${MNEMONICS[operation]} ${both}, ${x(two)}`,
    },
    {
      emit: (asm: Assembler) => asm.operateInteger(arithmetic, one, immediate),
      text: `${arithmetic} ${x(one)}, ${x(one)}, #0x${immediate.toString(16)}`,
    },
    { emit: (asm: Assembler) => asm.shiftLeft(one, amount), text: `lsl ${x(one)}, ${x(one)}, #${amount}` },
    { emit: (asm: Assembler) => asm.shiftRight(one, amount), text: `lsr ${x(one)}, ${x(one)}, #${amount}` },
  ];
  return rows[random(rows.length)] ?? { emit() {}, text: "" };
}

testUnless(lacksDisassembler("aarch64"))("objdump reads random instructions as they are meant", () => {
  const random = randomNumbers(64);
  const list = Array.from({ length: 3000 }, () => randomInstruction(random));
  const code = assemble((asm) => {
    for (const { emit } of list) emit(asm);
  });
  expect(disassemble("aarch64", code)).toEqual(list.map(({ text }) => text));
});

/** The value that a sequence of mov and movk leaves. */
function valueOfMoves(lines: readonly string[]): bigint {
  return lines.reduce((value, line) => {
    const [, mnemonic, number = "", shift = "0"] =
      /^(mov|movk) [xw]3, #(\S+?)(?:, lsl #(\d+))?$/.exec(line) ?? [];
    if (mnemonic === "mov") return BigInt(number);
    if (mnemonic !== "movk") throw new Error(`${line} is no move`);
    const place = BigInt(shift);
    return (value & ~(0xffffn << place)) | (BigInt(number) << place);
  }, 0n);
}

testUnless(lacksDisassembler("aarch64"))(
  "moves leave the integer that was meant, by four instructions at most",
  () => {
    const random = randomNumbers(7);
    const values = Array.from({ length: 400 }, () => randomInteger(random));
    const codes = values.map((value) => {
      const number = Number(value);
      const integer: Integer = Number.isSafeInteger(number) ? number : value;
      return assemble((asm) => asm.integer(3, integer));
    });
    const lines = disassemble("aarch64", Buffer.concat(codes));
    const moved = codes.map((code) => valueOfMoves(lines.splice(0, code.length / 4)));
    expect(moved).toEqual(values.map((value) => BigInt.asUintN(64, value)));
    expect(Math.max(...codes.map((code) => code.length))).toBe(16);
  },
);

test("an address that adr cannot reach is refused, one that it can reach is encoded", () => {
  const view = new DataView(new ArrayBuffer(8));
  const adr = 4;
  const patch = (distance: number): boolean => {
    view.setUint32(0, 0x10000003, true);
    return patchAarch64(view, 0, adr, 0x400000, 0x400000 + distance);
  };
  expect([2 ** 20, -(2 ** 20) - 1].map(patch)).toEqual([false, false]);
  const rows = [0, 1, -1, 4, 2 ** 20 - 1, -(2 ** 20)];
  expect(rows.map(patch)).toEqual(rows.map(() => true));
});
