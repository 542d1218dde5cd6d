/** x86_64 encodings: golden rows, and random instructions, both read back by objdump. */
import { expect, test } from "bun:test";
import type { Assembler, Integer, Operation, Register } from "../../src/emit/assembler.ts";
import { boundLabel, createImage } from "../../src/emit/image.ts";
import { createX86 } from "../../src/emit/x86_64.ts";
import { testUnless } from "../support/skip.ts";
import { disassemble, lacksDisassembler } from "./disassemble.ts";
import { randomInteger, randomNumbers } from "./random-plan.ts";

/** What is asked for, its bytes, and how objdump reads them. */
type Row = readonly [emit: (asm: Assembler) => void, hex: string, text: string];

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  [(asm) => asm.integer(0, 0), "31c0", "xor eax,eax"],
  [(asm) => asm.integer(1, 1), "8d4b01", "lea ecx,[rbx+0x1]"],
  [(asm) => asm.integer(5, 127), "8d6b7f", "lea ebp,[rbx+0x7f]"],
  [(asm) => asm.integer(9, 0), "4531c9", "xor r9d,r9d"],
  [(asm) => asm.integer(9, 1), "448d4b01", "lea r9d,[rbx+0x1]"],
  [(asm) => asm.integer(2, 128), "ba80000000", "mov edx,0x80"],
  [(asm) => asm.integer(4, 65535), "bcffff0000", "mov esp,0xffff"],
  [(asm) => asm.integer(4, 65536), "bc00000100", "mov esp,0x10000"],
  [(asm) => asm.integer(3, 0xffffffff), "bbffffffff", "mov ebx,0xffffffff"],
  [(asm) => asm.integer(3, 0xffff1234), "bb3412ffff", "mov ebx,0xffff1234"],
  [(asm) => asm.integer(3, 0x12340000), "bb00003412", "mov ebx,0x12340000"],
  [(asm) => asm.integer(9, 0x12345678), "41b978563412", "mov r9d,0x12345678"],
  [(asm) => asm.integer(0, -1), "488d43ff", "lea rax,[rbx-0x1]"],
  [(asm) => asm.integer(2, -100), "488d539c", "lea rdx,[rbx-0x64]"],
  [(asm) => asm.integer(9, -1), "4c8d4bff", "lea r9,[rbx-0x1]"],
  [(asm) => asm.integer(2, -129), "48c7c27fffffff", "mov rdx,0xffffffffffffff7f"],
  [(asm) => asm.integer(9, -65537), "49c7c1fffffeff", "mov r9,0xfffffffffffeffff"],
  [(asm) => asm.integer(2, 0x123456789a), "48ba9a78563412000000", "movabs rdx,0x123456789a"],
  [(asm) => asm.integer(9, 2n ** 63n - 1n), "49b9ffffffffffffff7f", "movabs r9,0x7fffffffffffffff"],
  [(asm) => asm.integer(9, -(2n ** 63n)), "49b90000000000000080", "movabs r9,0x8000000000000000"],
  [(asm) => asm.move(1, 2), "4889d1", "mov rcx,rdx"],
  [(asm) => asm.move(9, 2), "4989d1", "mov r9,rdx"],
  [(asm) => asm.move(2, 9), "4c89ca", "mov rdx,r9"],
  [(asm) => asm.move(2, 2), "", ""],
  [(asm) => asm.loadSlot(1, 0), "488b4d80", "mov rcx,QWORD PTR [rbp-0x80]"],
  [(asm) => asm.loadSlot(9, 31), "4c8b4d78", "mov r9,QWORD PTR [rbp+0x78]"],
  [(asm) => asm.loadSlot(1, 32), "488b8d80000000", "mov rcx,QWORD PTR [rbp+0x80]"],
  [(asm) => asm.storeSlot(0, 2), "48895580", "mov QWORD PTR [rbp-0x80],rdx"],
  [(asm) => asm.storeSlot(40, 9), "4c898dc0000000", "mov QWORD PTR [rbp+0xc0],r9"],
  [(asm) => asm.slotAddress(2, 0), "488d5580", "lea rdx,[rbp-0x80]"],
  [(asm) => asm.slotAddress(9, 3), "4c8d4d98", "lea r9,[rbp-0x68]"],
  [(asm) => asm.load(1, 2, 0, 1), "0fb60a", "movzx ecx,BYTE PTR [rdx]"],
  [(asm) => asm.load(9, 2, 5, 2), "440fb74a05", "movzx r9d,WORD PTR [rdx+0x5]"],
  [(asm) => asm.load(1, 9, 8, 4), "418b4908", "mov ecx,DWORD PTR [r9+0x8]"],
  [(asm) => asm.load(1, 2, 255, 8), "488b8aff000000", "mov rcx,QWORD PTR [rdx+0xff]"],
  [(asm) => asm.load(1, 4, 8, 8), "488b4c2408", "mov rcx,QWORD PTR [rsp+0x8]"],
  [(asm) => asm.load(1, 5, 0, 8), "488b4d00", "mov rcx,QWORD PTR [rbp+0x0]"],
  [(asm) => asm.load(1, 12, 0, 8), "498b0c24", "mov rcx,QWORD PTR [r12]"],
  [(asm) => asm.load(1, 13, 0, 1), "410fb64d00", "movzx ecx,BYTE PTR [r13+0x0]"],
  [(asm) => asm.load(1, 2, 300, 8), "488b8a2c010000", "mov rcx,QWORD PTR [rdx+0x12c]"],
  [(asm) => asm.load(1, 2, 301, 8), "488b8a2d010000", "mov rcx,QWORD PTR [rdx+0x12d]"],
  [(asm) => asm.store(2, 0, 1, 1), "880a", "mov BYTE PTR [rdx],cl"],
  [(asm) => asm.store(2, 0, 6, 1), "408832", "mov BYTE PTR [rdx],sil"],
  [(asm) => asm.store(2, 1, 9, 1), "44884a01", "mov BYTE PTR [rdx+0x1],r9b"],
  [(asm) => asm.store(2, 3, 1, 2), "66894a03", "mov WORD PTR [rdx+0x3],cx"],
  [(asm) => asm.store(9, 4, 9, 2), "6645894904", "mov WORD PTR [r9+0x4],r9w"],
  [(asm) => asm.store(2, 0, 1, 4), "890a", "mov DWORD PTR [rdx],ecx"],
  [(asm) => asm.store(9, 200, 1, 8), "498989c8000000", "mov QWORD PTR [r9+0xc8],rcx"],
  [(asm) => asm.operate("add", 1, 2), "4801d1", "add rcx,rdx"],
  [(asm) => asm.operate("sub", 9, 2), "4929d1", "sub r9,rdx"],
  [(asm) => asm.operate("and", 1, 9), "4c21c9", "and rcx,r9"],
  [(asm) => asm.operate("or", 0, 1), "4809c8", "or rax,rcx"],
  [(asm) => asm.operate("cmp", 1, 2), "4839d1", "cmp rcx,rdx"],
  [(asm) => asm.operate("test", 9, 9), "4d85c9", "test r9,r9"],
  [(asm) => asm.operateInteger("add", 1, 1), "48ffc1", "inc rcx"],
  [(asm) => asm.operateInteger("sub", 9, 1), "49ffc9", "dec r9"],
  [(asm) => asm.operateInteger("add", 1, 2), "4883c102", "add rcx,0x2"],
  [(asm) => asm.operateInteger("add", 1, 4096), "4881c100100000", "add rcx,0x1000"],
  [(asm) => asm.operateInteger("sub", 9, 8), "4983e908", "sub r9,0x8"],
  [(asm) => asm.operateInteger("sub", 1, -8), "4883e9f8", "sub rcx,0xfffffffffffffff8"],
  [(asm) => asm.operateInteger("and", 1, 255), "4881e1ff000000", "and rcx,0xff"],
  [(asm) => asm.operateInteger("and", 0, 255), "4825ff000000", "and rax,0xff"],
  [(asm) => asm.operateInteger("or", 9, -1), "4983c9ff", "or r9,0xffffffffffffffff"],
  [(asm) => asm.operateInteger("cmp", 0, 0), "4885c0", "test rax,rax"],
  [(asm) => asm.operateInteger("cmp", 12, 0), "4d85e4", "test r12,r12"],
  [(asm) => asm.operateInteger("cmp", 0, -9), "4883f8f7", "cmp rax,0xfffffffffffffff7"],
  [(asm) => asm.operateInteger("cmp", 0, -200), "483d38ffffff", "cmp rax,0xffffffffffffff38"],
  [(asm) => asm.operateInteger("cmp", 9, 0x12345678), "4981f978563412", "cmp r9,0x12345678"],
  [(asm) => asm.operateInteger("cmp", 1, 0x123456789a), "49bb9a785634120000004c39d9", "movabs r11,0x123456789a; cmp rcx,r11"],
  [(asm) => asm.operateInteger("test", 0, 1), "a801", "test al,0x1"],
  [(asm) => asm.operateInteger("test", 2, 255), "f6c2ff", "test dl,0xff"],
  [(asm) => asm.operateInteger("test", 7, 2), "40f6c702", "test dil,0x2"],
  [(asm) => asm.operateInteger("test", 0, 256), "48a900010000", "test rax,0x100"],
  [(asm) => asm.operateInteger("test", 1, -1), "48f7c1ffffffff", "test rcx,0xffffffffffffffff"],
  [(asm) => asm.operateInteger("test", 9, 16), "41f6c110", "test r9b,0x10"],
  [(asm) => asm.operateInteger("test", 1, 0xffffffff), "41bbffffffff4c85d9", "mov r11d,0xffffffff; test rcx,r11"],
  [(asm) => asm.shiftLeft(1, 3), "48c1e103", "shl rcx,0x3"],
  [(asm) => asm.shiftLeft(9, 63), "49c1e13f", "shl r9,0x3f"],
  [(asm) => asm.shiftLeft(1, 0), "48c1e100", "shl rcx,0x0"],
  [(asm) => asm.shiftRight(1, 6), "48c1e906", "shr rcx,0x6"],
  [(asm) => asm.shiftRight(9, 0), "49c1e900", "shr r9,0x0"],
  [(asm) => asm.multiply(1, 2), "480fafca", "imul rcx,rdx"],
  [(asm) => asm.multiply(9, 2), "4c0fafca", "imul r9,rdx"],
  [(asm) => asm.multiply(1, 9), "490fafc9", "imul rcx,r9"],
  [(asm) => asm.multiply(12, 13), "4d0fafe5", "imul r12,r13"],
  [(asm) => asm.divide(asm.registers.pointer), "31d248f7f1", "xor edx,edx; div rcx"],
  [(asm) => asm.syscall(231), "b8e70000000f05", "mov eax,0xe7; syscall"],
  [(asm) => asm.fallibleSyscall(3), "8d43030f05483d01f0ffff0f8300000000", "lea eax,[rbx+0x3]; syscall; cmp rax,0xfffffffffffff001; jae 0x11"],
  [(asm) => asm.fallibleSyscall(424), "b8a80100000f05483d01f0ffff0f8300000000", "mov eax,0x1a8; syscall; cmp rax,0xfffffffffffff001; jae 0x13"],
  [(asm) => asm.jumpTo(1), "ffe1", "jmp rcx"],
  [(asm) => asm.jumpTo(12), "41ffe4", "jmp r12"],
  [(asm) => asm.link(12), "415c", "pop r12"],
  [(asm) => asm.link(1), "59", "pop rcx"],
  [(asm) => asm.return(), "c3", "ret"],
  [(asm) => asm.callRoutine(0), "e8fbffffff", "call 0x0"],
];

function assemble(emit: (asm: Assembler) => void): Uint8Array {
  const image = createImage(1);
  emit(createX86(image));
  return new Uint8Array(image.code);
}

test("every operation has its golden bytes", () => {
  const rows = ROWS.map(([emit, , text]) => ({ text, hex: Buffer.from(assemble(emit)).toString("hex") }));
  expect(rows).toEqual(ROWS.map(([, hex, text]) => ({ text, hex })));
});

testUnless(lacksDisassembler("x86_64"))("objdump reads the golden bytes as they are meant", () => {
  const read = ROWS.map(([, hex]) => disassemble("x86_64", Buffer.from(hex, "hex")).join("; "));
  expect(read).toEqual(ROWS.map(([, , text]) => text));
});

const NAMES = {
  8: "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" "),
  4: "eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d".split(" "),
  2: "ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w".split(" "),
  1: "al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b".split(" "),
} as const;
const POINTERS = { 8: "QWORD PTR", 4: "DWORD PTR", 2: "WORD PTR", 1: "BYTE PTR" } as const;
type Size = keyof typeof NAMES;

const hex = (value: Integer): string => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
const signed = (value: number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `+0x${value.toString(16)}`;
const register = (number: Register, size: Size): string => NAMES[size][number] ?? "?";
const memory = (base: Register, offset: number): string => {
  const isBare = offset === 0 && (base & 7) !== 5;
  return `[${register(base, 8)}${isBare ? "" : signed(offset)}]`;
};

function integerText(to: Register, value: bigint): string {
  if (value === 0n) return `xor ${register(to, 4)},${register(to, 4)}`;
  if (value > 0n && value < 128n) return `lea ${register(to, 4)},[rbx${signed(Number(value))}]`;
  if (value < 0n && value >= -128n) return `lea ${register(to, 8)},[rbx${signed(Number(value))}]`;
  if (value > 0n && value < 2n ** 32n) return `mov ${register(to, 4)},${hex(value)}`;
  if (value < 0n && value >= -(2n ** 31n)) return `mov ${register(to, 8)},${hex(value)}`;
  return `movabs ${register(to, 8)},${hex(value)}`;
}

const OPERATIONS: readonly Operation[] = ["add", "sub", "and", "or", "cmp", "test"];
const SIZES: readonly Size[] = [1, 2, 4, 8];

function immediateText(operation: Operation, to: Register, value: number): string {
  const wide = register(to, 8);
  if (operation === "cmp" && value === 0) return `test ${wide},${wide}`;
  if (operation === "test" && value >= 0 && value <= 0xff) return `test ${register(to, 1)},${hex(value)}`;
  if (operation === "add" && value === 1) return `inc ${wide}`;
  if (operation === "sub" && value === 1) return `dec ${wide}`;
  return `${operation} ${wide},${hex(value)}`;
}

/** One random instruction and what it is called. */
function randomInstruction(random: (limit: number) => number): {
  emit: (asm: Assembler) => void;
  text: string;
} {
  const one = random(16);
  const two = random(16);
  const size = SIZES[random(4)] ?? 8;
  const offset = random(2) === 0 ? random(300) - 150 : random(100_000) - 50_000;
  const operation = OPERATIONS[random(6)] ?? "add";
  const value = randomInteger(random);
  const small = Number(BigInt.asIntN(32, value));
  const integer =
    BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  const slot = random(64);
  const place = `QWORD PTR [rbp${signed(slot * 8 - 128)}]`;
  const wide = register(one, 8);
  const rows = [
    { emit: (asm: Assembler) => asm.integer(one, integer), text: integerText(one, value) },
    { emit: (asm: Assembler) => asm.loadSlot(one, slot), text: `mov ${wide},${place}` },
    { emit: (asm: Assembler) => asm.storeSlot(slot, one), text: `mov ${place},${wide}` },
    {
      emit: (asm: Assembler) => asm.load(one, two, offset, size),
      text: `${size < 4 ? "movzx" : "mov"} ${register(one, size === 8 ? 8 : 4)},${POINTERS[size]} ${memory(two, offset)}`,
    },
    {
      emit: (asm: Assembler) => asm.store(two, offset, one, size),
      text: `mov ${POINTERS[size]} ${memory(two, offset)},${register(one, size)}`,
    },
    {
      emit: (asm: Assembler) => asm.operate(operation, one, two),
      text: `${operation} ${wide},${register(two, 8)}`,
    },
    {
      emit: (asm: Assembler) => asm.operateInteger(operation, one, small),
      text: immediateText(operation, one, small),
    },
    { emit: (asm: Assembler) => asm.shiftLeft(one, slot), text: `shl ${wide},0x${slot.toString(16)}` },
    { emit: (asm: Assembler) => asm.shiftRight(one, slot), text: `shr ${wide},0x${slot.toString(16)}` },
  ];
  return rows[random(rows.length)] ?? { emit() {}, text: "" };
}

testUnless(lacksDisassembler("x86_64"))("objdump reads random instructions as they are meant", () => {
  const random = randomNumbers(20);
  const list = Array.from({ length: 3000 }, () => randomInstruction(random));
  const code = assemble((asm) => {
    for (const { emit } of list) emit(asm);
  });
  expect(disassemble("x86_64", code)).toEqual(list.map(({ text }) => text));
});

test("a jump back takes two bytes while it can", () => {
  const sizeAfter = (distance: number, emit: (asm: Assembler, label: number) => void): number => {
    const image = createImage(1);
    const label = boundLabel(image);
    image.code.push(...new Array<number>(distance).fill(0x90));
    emit(createX86(image), label);
    return image.code.length - distance;
  };
  expect(sizeAfter(126, (asm, label) => asm.jump(label))).toBe(2);
  expect(sizeAfter(127, (asm, label) => asm.jump(label))).toBe(5);
  expect(sizeAfter(126, (asm, label) => asm.branch("eq", label))).toBe(2);
  expect(sizeAfter(127, (asm, label) => asm.branch("eq", label))).toBe(6);
});
