/**
 * x86_64 encodings. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 *
 * rbx is zero all the time: `lea reg, [rbx + n]` is the shortest way to a small integer that needs no stack.
 * rbp is the middle of the first 32 slots, so that a signed byte reaches them. r11 is private scratch.
 */
import { type Arena, reserve } from "./arena.ts";
import {
  type Assembler,
  type Flag,
  high32,
  type Integer,
  isInt32,
  low32,
  type Operation,
} from "./assembler.ts";
import {
  addFixup,
  CODE,
  FIRST_OWN_KIND,
  type Image,
  LABEL,
  labelOffset,
  type Patch,
  type Reference,
  reference,
  SLOTS,
  WORD,
} from "./image.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RBP = 5;
const RSI = 6;
const RDI = 7;
const R8 = 8;
const R9 = 9;
const R10 = 10;
const R11 = 11;
const R12 = 12;
const R13 = 13;
const R14 = 14;
const R15 = 15;

const REGISTERS = {
  args: [RDI, RSI, RDX, R10, R8, R9],
  result: RAX,
  value: RAX,
  pointer: RCX,
  remainder: RDX,
  spare: [R12, R13, R14, R15],
} as const;

const SLOT_BIAS = 128;
const RELATIVE32 = FIRST_OWN_KIND;

/** Opcode of `op r/m64, r64`; where bit 3 to 5 are, at the same time, the extension of the immediate form. */
const OPCODES = {
  add: 0x01,
  or: 0x09,
  and: 0x21,
  sub: 0x29,
  cmp: 0x39,
  test: 0x85,
} as const satisfies Record<Operation, number>;
const CONDITIONS = {
  eq: 4,
  none: 4,
  ne: 5,
  any: 5,
  lt: 12,
  ge: 13,
  le: 14,
  gt: 15,
} as const satisfies Record<Flag, number>;
const ABOVE_OR_EQUAL = 3;

/** Writes the distance from the end of a 4-byte field. */
export const patchX86: Patch = (view, at, _kind, place, target) => {
  view.setInt32(at, target - place - 4, true);
  return true;
};

function byte(code: Arena, value: number): void {
  reserve(code, 1);
  code.bytes[code.length++] = value;
}

function word(code: Arena, value: number): void {
  reserve(code, 4);
  code.view.setInt32(code.length, value, true);
  code.length += 4;
}

function opcode(code: Arena, rex: number, op: number): void {
  if (rex !== 0) byte(code, 0x40 | rex);
  if (op > 0xff) byte(code, op >> 8);
  byte(code, op & 0xff);
}

/** Both operands are registers; `wide` is 8 for 64 bits, else 0. */
function direct(code: Arena, wide: number, op: number, reg: number, rm: number): void {
  opcode(code, wide | ((reg >> 3) << 2) | (rm >> 3), op);
  byte(code, 0xc0 | ((reg & 7) << 3) | (rm & 7));
}

/** The second operand is memory at base + displacement; `rex` has the bits that do not follow from registers. */
function indirect(
  code: Arena,
  rex: number,
  op: number,
  reg: number,
  base: number,
  displacement: number,
): void {
  opcode(code, rex | ((reg >> 3) << 2) | (base >> 3), op);
  const short = displacement === (displacement << 24) >> 24;
  // rbp and r13 have no form without displacement; rsp and r12 need the SIB byte.
  const mode = displacement === 0 && (base & 7) !== RBP ? 0 : short ? 0x40 : 0x80;
  byte(code, mode | ((reg & 7) << 3) | (base & 7));
  if ((base & 7) === 4) byte(code, 0x24);
  if (mode === 0x40) byte(code, displacement);
  else if (mode === 0x80) word(code, displacement);
}

function moveWord(code: Arena, to: number, value: number): void {
  opcode(code, to >> 3, 0xb8 | (to & 7));
  word(code, value);
}

function moveInteger(code: Arena, to: number, value: Integer): void {
  if (value === 0) direct(code, 0, 0x31, to, to);
  else if (isInt32(value)) {
    if (value > 0 && value < 128) indirect(code, 0, 0x8d, to, RBX, value);
    else if (value < 0 && value >= -128) indirect(code, 8, 0x8d, to, RBX, value);
    else if (value > 0) moveWord(code, to, value);
    else {
      direct(code, 8, 0xc7, 0, to);
      word(code, value);
    }
  } else if (high32(value) === 0) moveWord(code, to, low32(value));
  else {
    opcode(code, 8 | (to >> 3), 0xb8 | (to & 7));
    word(code, low32(value));
    word(code, high32(value));
  }
}

function moveAddress(image: Image, to: number, where: Reference): void {
  opcode(image.code, to >> 3, 0xb8 | (to & 7));
  addFixup(image, reference(CODE, image.code.length), WORD, where);
  word(image.code, 0);
}

/** The 4 bytes of a distance to a label, to be filled in. */
function distance(image: Image, label: number): void {
  addFixup(image, reference(CODE, image.code.length), RELATIVE32, reference(LABEL, label));
  word(image.code, 0);
}

/** A jump; the short form is chosen when the label is known to be near, that is behind us. */
function transfer(image: Image, shortOp: number, longOp: number, label: number): void {
  const { code } = image;
  const offset = labelOffset(image, label);
  const short = offset - (code.length + 2);
  if (offset >= 0 && short >= -128) {
    byte(code, shortOp);
    byte(code, short);
    return;
  }
  opcode(code, 0, longOp);
  distance(image, label);
}

function operateInteger(code: Arena, op: Operation, to: number, value: Integer): void {
  if (!isInt32(value)) {
    moveInteger(code, R11, value);
    direct(code, 8, OPCODES[op], R11, to);
    return;
  }
  const short = value >= -128 && value < 128 && op !== "test";
  if (to === RAX && !short) opcode(code, 8, op === "test" ? 0xa9 : OPCODES[op] + 4);
  else if (op === "test") direct(code, 8, 0xf7, 0, to);
  else direct(code, 8, short ? 0x83 : 0x81, OPCODES[op] >> 3, to);
  if (short) byte(code, value);
  else word(code, value);
}

type Flow = "branch" | "jump" | "jumpTo" | "call" | "link" | "return" | "syscall" | "branchFailed" | "align";

function flow(image: Image): Pick<Assembler, Flow> {
  const { code } = image;
  return {
    branch: (flag, label) => transfer(image, 0x70 | CONDITIONS[flag], 0x0f80 | CONDITIONS[flag], label),
    jump: (label) => transfer(image, 0xeb, 0xe9, label),
    jumpTo: (to) => direct(code, 0, 0xff, 4, to),
    call(label) {
      byte(code, 0xe8);
      distance(image, label);
    },
    link: (to) => opcode(code, to >> 3, 0x58 | (to & 7)),
    return: () => byte(code, 0xc3),
    syscall(number) {
      moveInteger(code, RAX, number);
      opcode(code, 0, 0x0f05);
    },
    branchFailed(label) {
      operateInteger(code, "cmp", RAX, -4095);
      transfer(image, 0x70 | ABOVE_OR_EQUAL, 0x0f80 | ABOVE_OR_EQUAL, label);
    },
    align() {},
  };
}

export function createX86(image: Image): Assembler {
  const { code } = image;
  return {
    ...flow(image),
    registers: REGISTERS,
    enter() {
      moveAddress(image, RBP, reference(SLOTS, SLOT_BIAS));
      direct(code, 0, 0x31, RBX, RBX);
    },
    integer: (to, value) => moveInteger(code, to, value),
    address: (to, target) => moveAddress(image, to, target),
    move(to, from) {
      if (to !== from) direct(code, 8, 0x89, from, to);
    },
    loadSlot: (to, slot) => indirect(code, 8, 0x8b, to, RBP, slot * 8 - SLOT_BIAS),
    storeSlot: (slot, from) => indirect(code, 8, 0x89, from, RBP, slot * 8 - SLOT_BIAS),
    slotAddress: (to, slot) => indirect(code, 8, 0x8d, to, RBP, slot * 8 - SLOT_BIAS),
    load(to, base, offset, size) {
      if (size === 8) indirect(code, 8, 0x8b, to, base, offset);
      else if (size === 4) indirect(code, 0, 0x8b, to, base, offset);
      else indirect(code, 0, size === 2 ? 0x0fb7 : 0x0fb6, to, base, offset);
    },
    store(base, offset, from, size) {
      if (size === 2) byte(code, 0x66);
      // Without a REX prefix the byte registers 4 to 7 would be ah, ch, dh and bh.
      const rex = size === 8 ? 8 : size === 1 && from >= 4 && from < 8 ? 0x40 : 0;
      indirect(code, rex, size === 1 ? 0x88 : 0x89, from, base, offset);
    },
    operate: (op, to, from) => direct(code, 8, OPCODES[op], from, to),
    operateInteger: (op, to, value) => operateInteger(code, op, to, value),
    shiftLeft(to, count) {
      direct(code, 8, 0xc1, 4, to);
      byte(code, count);
    },
    shiftRight(to, count) {
      direct(code, 8, 0xc1, 5, to);
      byte(code, count);
    },
    divide(divisor) {
      direct(code, 0, 0x31, RDX, RDX);
      direct(code, 8, 0xf7, 6, divisor);
    },
  };
}
