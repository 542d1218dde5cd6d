/** aarch64 instructions by their operands: registers, memory and immediates. Source: that of aarch64.ts. */
import { high32, type Integer, low32, type Operation } from "./assembler.ts";

export const X16 = 16;
export const X28 = 28;
export const X30 = 30;
export const XZR = 31;
/** Where an instruction does not take xzr. */
export const SP = 31;

export const MOVZ = 0xd2800000;
const MOVN = 0x92800000;
const MOVN32 = 0x12800000;
export const MOVK = 0xf2800000;
export const ADD_IMMEDIATE = 0x91000000;
const SUB_IMMEDIATE = 0xd1000000;
export const ADDS_IMMEDIATE = 0xb1000000;
const SUBS_IMMEDIATE = 0xf1000000;
export const ADD_SHIFTED = 0x8b000000;
export const MOVE_REGISTER = 0xaa000000;
export const UBFM = 0xd3400000;
export const UDIV = 0x9ac00800;
export const MSUB = 0x9b008000;
export const MADD = 0x9b000000;
const SHIFT_12 = 1 << 22;
/** Load with unsigned scaled offset and with signed unscaled offset; the size goes to bits 30 and 31. */
const LOAD = 0x39400000;
const LOAD_UNSCALED = 0x38400000;
/** What makes a store of a load. */
const STORE = 0x00400000;

/** The forms with two registers; "cmp" and "test" write to xzr. */
export const REGISTER_FORMS = {
  add: ADD_SHIFTED,
  sub: 0xcb000000,
  and: 0x8a000000,
  or: 0xaa000000,
  cmp: 0xeb000000,
  test: 0xea000000,
} as const satisfies Record<Operation, number>;

/** The immediate form, and the one that takes the negated immediate; there is none for bit operations. */
const IMMEDIATE_FORMS: Readonly<Partial<Record<Operation, readonly [number, number]>>> = {
  add: [ADD_IMMEDIATE, SUB_IMMEDIATE],
  sub: [SUB_IMMEDIATE, ADD_IMMEDIATE],
  cmp: [SUBS_IMMEDIATE, ADDS_IMMEDIATE],
};

const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

export function registers(code: number[], op: number, d: number, n: number, m: number): void {
  code.push(op | (m << 16) | (n << 5) | d);
}

/** By movz or movn for one half-word and movk for those that differ from what it leaves. */
export function moveInteger(code: number[], to: number, value: Integer): void {
  const low = low32(value);
  const high = high32(value);
  if (high === 0 && low < 0x10000) {
    code.push(MOVZ | (low << 5) | to);
    return;
  }
  if (high === 0 && low >>> 16 === 0xffff) {
    code.push(MOVN32 | ((~low & 0xffff) << 5) | to);
    return;
  }
  const halves = [low & 0xffff, low >>> 16, high & 0xffff, high >>> 16];
  const ones = halves.filter((half) => half === 0xffff).length;
  const filler = ones > halves.filter((half) => half === 0).length ? 0xffff : 0;
  let place = halves.findIndex((half) => half !== filler);
  if (place < 0) place = 0;
  const first = halves[place] ?? 0;
  code.push((filler === 0 ? MOVZ | (first << 5) : MOVN | ((~first & 0xffff) << 5)) | (place << 21) | to);
  for (place++; place < 4; place++) {
    const half = halves[place] ?? 0;
    if (half !== filler) code.push(MOVK | (place << 21) | (half << 5) | to);
  }
}

/** `value` as the immediate field of add and sub, or −1. */
export function immediate12(value: number): number {
  if (value >= 0 && value < 4096) return value << 10;
  if (value >= 4096 && value < 2 ** 24 && value % 4096 === 0) return SHIFT_12 | ((value / 4096) << 10);
  return -1;
}

export function operateInteger(code: number[], op: Operation, to: number, value: Integer): void {
  const d = op === "cmp" || op === "test" ? XZR : to;
  const forms = IMMEDIATE_FORMS[op];
  if (forms !== undefined && typeof value === "number") {
    const field = immediate12(Math.abs(value));
    if (field >= 0) {
      registers(code, forms[value < 0 ? 1 : 0] | field, d, to, 0);
      return;
    }
  }
  moveInteger(code, X16, value);
  registers(code, REGISTER_FORMS[op], d, to, X16);
}

/** A load (or a store, with STORE taken off) by the first form that has the offset. */
export function access(
  code: number[],
  load: boolean,
  register: number,
  base: number,
  offset: number,
  size: number,
): void {
  const kind = load ? 0 : STORE;
  const bits = SIZE_BITS[size] ?? 0;
  const sizeField = bits << 30;
  if (offset >= 0 && offset % size === 0 && offset < 4096 * size) {
    registers(code, (LOAD - kind) | sizeField | ((offset / size) << 10), register, base, 0);
  } else if (offset >= -256 && offset < 256) {
    registers(code, (LOAD_UNSCALED - kind) | sizeField | ((offset & 0x1ff) << 12), register, base, 0);
  } else {
    moveInteger(code, X16, offset);
    registers(code, ADD_SHIFTED, X16, base, X16);
    registers(code, (LOAD - kind) | sizeField, register, X16, 0);
  }
}
