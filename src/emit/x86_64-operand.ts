/** x86_64 instructions by their operands: registers, memory and immediates. Source: that of x86_64.ts. */
import { high32, type Integer, isInt32, low32, type Operation } from "./assembler.ts";

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

/** Opcode of `op r/m64, r64`; where bit 3 to 5 are, at the same time, the extension of the immediate form. */
export const OPCODES = {
  add: 0x01,
  or: 0x09,
  and: 0x21,
  sub: 0x29,
  cmp: 0x39,
  test: 0x85,
} as const satisfies Record<Operation, number>;
/** Both operands are registers; `wide` is 8 for 64 bits, else 0. */
export function direct(code: number[], wide: number, op: number, reg: number, rm: number): void {
  const rex = wide | ((reg >> 3) << 2) | (rm >> 3);
  if (rex !== 0) code.push(0x40 | rex);
  code.push(op, 0xc0 | ((reg & 7) << 3) | (rm & 7));
}

/**
 * The second operand is memory at base + displacement; `rex` has the bits that do not follow from
 * registers.
 */
export function indirect(
  code: number[],
  rex: number,
  op: number,
  reg: number,
  base: number,
  displacement: number,
): void {
  const prefix = rex | ((reg >> 3) << 2) | (base >> 3);
  if (prefix !== 0) code.push(0x40 | prefix);
  if (op > 0xff) code.push(op >> 8);
  const isShort = displacement === (displacement << 24) >> 24;
  // rbp and r13 have no form without displacement; rsp and r12 need the SIB byte.
  const mode = displacement === 0 && (base & 7) !== RBP ? 0 : isShort ? 0x40 : 0x80;
  code.push(op, mode | ((reg & 7) << 3) | (base & 7));
  if ((base & 7) === 4) code.push(0x24);
  if (mode === 0x40) code.push(displacement);
  else if (mode === 0x80) word(code, displacement);
}

/** Sections of bytes take the low 8 bits of each number, so nothing is masked here. */
export function word(code: number[], value: number): void {
  code.push(value, value >> 8, value >> 16, value >> 24);
}

/** What does not fit a signed byte. */
export function moveWide(code: number[], to: number, value: Integer): void {
  const field = to & 7;
  if (typeof value === "number" && value > 0 && value <= 0xffffffff) {
    if (to >= 8) code.push(0x41);
    code.push(0xb8 | field, value, value >> 8, value >> 16, value >> 24);
  } else if (value === (Number(value) | 0)) {
    code.push(to < 8 ? 0x48 : 0x49, 0xc7, 0xc0 | field, value, value >> 8, value >> 16, value >> 24);
  } else {
    code.push(to < 8 ? 0x48 : 0x49, 0xb8 | field);
    word(code, low32(value));
    word(code, high32(value));
  }
}

/** Tests the low byte of a register. */
function testByte(code: number[], register: number, value: number): void {
  if (register === RAX) code.push(0xa8, value);
  else {
    // Without a REX prefix the byte registers 4 to 7 would be ah, ch, dh and bh.
    if (register >= 4) code.push(register < 8 ? 0x40 : 0x41);
    code.push(0xf6, 0xc0 | (register & 7), value);
  }
}

export function operateInteger(code: number[], op: Operation, to: number, value: Integer): void {
  if (!isInt32(value)) {
    moveWide(code, R11, value);
    direct(code, 8, OPCODES[op], R11, to);
    return;
  }
  // Flags of these are not those of the long forms, but the ones that branches look at are.
  if (op === "cmp" && value === 0) direct(code, 8, OPCODES.test, to, to);
  else if (op === "test" && value >= 0 && value <= 0xff) testByte(code, to, value);
  else if (value === 1 && (op === "add" || op === "sub")) direct(code, 8, 0xff, op === "add" ? 0 : 1, to);
  else operateImmediate(code, op, to, value);
}

function operateImmediate(code: number[], op: Operation, to: number, value: number): void {
  const isShort = value >= -128 && value < 128 && op !== "test";
  if (to === RAX && !isShort) code.push(0x48, op === "test" ? 0xa9 : OPCODES[op] + 4);
  else if (op === "test") direct(code, 8, 0xf7, 0, to);
  else direct(code, 8, isShort ? 0x83 : 0x81, OPCODES[op] >> 3, to);
  if (isShort) code.push(value);
  else word(code, value);
}
