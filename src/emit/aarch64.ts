/**
 * aarch64 encodings. Source: Arm Architecture Reference Manual for A-profile architecture, part C.
 *
 * x28 is the address of the first slot; x16 is private scratch.
 */
import { HutchError } from "../linux/error.ts";
import { type Assembler, type Flag, high32, type Integer, low32, type Operation } from "./assembler.ts";
import {
  CODE,
  FIRST_OWN_KIND,
  type Image,
  LABEL,
  type Patch,
  type Reference,
  reference,
  SLOTS,
  WORD,
} from "./image.ts";

const X16 = 16;
const X28 = 28;
const X30 = 30;
const XZR = 31;
/** Where an instruction does not take xzr. */
const SP = 31;

const REGISTERS = {
  args: [0, 1, 2, 3, 4, 5],
  result: 0,
  value: 9,
  pointer: 10,
  remainder: 11,
  atExit: 0,
  spare: [19, 20, 21, 22],
} as const;

const NUMBER = 8;

// Kinds of fix-up.
const BRANCH26 = FIRST_OWN_KIND;
const BRANCH19 = FIRST_OWN_KIND + 1;
const ADR = FIRST_OWN_KIND + 2;
/** A movz and a movk that give the absolute address, for what adr cannot reach (1 MiB). */
const MOVE_PAIR = FIRST_OWN_KIND + 3;

const MOVZ = 0xd2800000;
const MOVN = 0x92800000;
const MOVN32 = 0x12800000;
const MOVK = 0xf2800000;
const ADD_IMMEDIATE = 0x91000000;
const SUB_IMMEDIATE = 0xd1000000;
const ADDS_IMMEDIATE = 0xb1000000;
const SUBS_IMMEDIATE = 0xf1000000;
const ADD_SHIFTED = 0x8b000000;
const MOVE_REGISTER = 0xaa000000;
const UBFM = 0xd3400000;
const UDIV = 0x9ac00800;
const MSUB = 0x9b008000;
const MADD = 0x9b000000;
const SHIFT_12 = 1 << 22;
/** Load with unsigned scaled offset and with signed unscaled offset; the size goes to bits 30 and 31. */
const LOAD = 0x39400000;
const LOAD_UNSCALED = 0x38400000;
/** What makes a store of a load. */
const STORE = 0x00400000;

/** The forms with two registers; "cmp" and "test" write to xzr. */
const REGISTER_FORMS = {
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

const CONDITIONS = {
  eq: 0,
  none: 0,
  ne: 1,
  any: 1,
  ge: 10,
  lt: 11,
  gt: 12,
  le: 13,
} as const satisfies Record<Flag, number>;
const CARRY_SET = 2;

const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

function tooManySteps(): HutchError {
  return new HutchError({ operation: "emit program", reason: "the plan has too many steps for aarch64" });
}

/** Adds the distance to an instruction; false when adr cannot reach. */
export const patchAarch64: Patch = (view, at, kind, place, target) => {
  const distance = target - place;
  const instruction = view.getUint32(at, true);
  if (kind === MOVE_PAIR) {
    view.setUint32(at, instruction | ((target & 0xffff) << 5), true);
    view.setUint32(at + 4, view.getUint32(at + 4, true) | ((target >>> 16) << 5), true);
    return true;
  }
  if (kind === ADR) {
    if (distance < -(2 ** 20) || distance >= 2 ** 20) return false;
    view.setUint32(at, instruction | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5), true);
    return true;
  }
  const bits = kind === BRANCH26 ? 26 : 19;
  const words = distance >> 2;
  if (words < -(2 ** (bits - 1)) || words >= 2 ** (bits - 1)) {
    throw tooManySteps();
  }
  const field = bits === 26 ? words & 0x3ffffff : (words & 0x7ffff) << 5;
  view.setUint32(at, instruction | field, true);
  return true;
};

function registers(code: number[], op: number, d: number, n: number, m: number): void {
  code.push(op | (m << 16) | (n << 5) | d);
}

/** By movz or movn for one half-word and movk for those that differ from what it leaves. */
function moveInteger(code: number[], to: number, value: Integer): void {
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
function immediate12(value: number): number {
  if (value >= 0 && value < 4096) return value << 10;
  if (value >= 4096 && value < 2 ** 24 && value % 4096 === 0) return SHIFT_12 | ((value / 4096) << 10);
  return -1;
}

function operateInteger(code: number[], op: Operation, to: number, value: Integer): void {
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
function access(
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

function moveAddress(image: Image, far: boolean, to: number, target: Reference): void {
  const { code } = image;
  image.fixups.push(reference(CODE, code.length * 4), far ? MOVE_PAIR : ADR, target);
  if (far) code.push(MOVZ | to, MOVK | (1 << 21) | to);
  else code.push(0x10000000 | to);
}

function transfer(image: Image, instruction: number, kind: number, label: number): void {
  image.fixups.push(reference(CODE, image.code.length * 4), kind, reference(LABEL, label));
  image.code.push(instruction);
}

type Flow =
  | "branch"
  | "jump"
  | "jumpTo"
  | "call"
  | "link"
  | "return"
  | "callRoutine"
  | "syscall"
  | "syscallOfValue";

function flow(image: Image): Pick<Assembler, Flow> {
  const { code } = image;
  return {
    branch: (flag, label) => transfer(image, 0x54000000 | CONDITIONS[flag], BRANCH19, label),
    jump: (label) => transfer(image, 0x14000000, BRANCH26, label),
    jumpTo: (to) => registers(code, 0xd61f0000, 0, to, 0),
    call: (label) => transfer(image, 0x94000000, BRANCH26, label),
    link: (to) => registers(code, MOVE_REGISTER, to, XZR, X30),
    return: () => void code.push(0xd65f03c0),
    syscall(number) {
      moveInteger(code, NUMBER, number);
      code.push(0xd4000001);
    },
    syscallOfValue() {
      registers(code, MOVE_REGISTER, NUMBER, XZR, REGISTERS.value);
      code.push(0xd4000001);
    },
    callRoutine: (offset) => void code.push(callBehind(image, offset)),
  };
}

/** The call of a routine, which lies before the code and not far away. */
function callBehind(image: Image, offset: number): number {
  const words = (offset - image.routines.length) / 4 - image.code.length;
  if (words < -(2 ** 25)) throw tooManySteps();
  return 0x94000000 | (words & 0x3ffffff);
}

/** The operations of the calls of a plan, which are most of it. */
function calls(image: Image): Pick<Assembler, "fallibleSyscall" | "land" | "report"> {
  const { code } = image;
  return {
    // x0 + 4095 carries exactly for −4095 to −1: mov x8, number; svc #0; cmn x0, #4095; b.cs
    fallibleSyscall: (number) =>
      code.push(
        MOVZ | (number << 5) | NUMBER,
        0xd4000001,
        ADDS_IMMEDIATE | (4095 << 10) | XZR,
        0x54000000 | CARRY_SET,
      ),
    land(jump) {
      const gap = code.length - (jump - 1);
      if (gap >= 2 ** 18) throw tooManySteps();
      code[jump - 1] = (code[jump - 1] ?? 0) | (gap << 5);
    },
    report: (offset, first, second) => void code.push(callBehind(image, offset), first, second),
  };
}

/** `far`: addresses may be more than 1 MiB away from the code. */
export function createAarch64(image: Image, far: boolean): Assembler {
  const { code } = image;
  return {
    ...flow(image),
    ...calls(image),
    registers: REGISTERS,
    enter: () => moveAddress(image, far, X28, reference(SLOTS, 0)),
    integer(to, value) {
      if (typeof value === "number" && value >= 0 && value < 0x10000) code.push(MOVZ | (value << 5) | to);
      else moveInteger(code, to, value);
    },
    address: (to, target) => moveAddress(image, far, to, target),
    move(to, from) {
      if (to !== from) registers(code, MOVE_REGISTER, to, XZR, from);
    },
    stackPointer: (to) => registers(code, ADD_IMMEDIATE, to, SP, 0),
    setStackPointer: (from) => registers(code, ADD_IMMEDIATE, SP, from, 0),
    loadSlot: (to, slot) => access(code, true, to, X28, slot * 8, 8),
    storeSlot: (slot, from) => access(code, false, from, X28, slot * 8, 8),
    slotAddress(to, slot) {
      const field = immediate12(slot * 8);
      if (field >= 0) {
        registers(code, ADD_IMMEDIATE | field, to, X28, 0);
        return;
      }
      moveInteger(code, X16, slot * 8);
      registers(code, ADD_SHIFTED, to, X28, X16);
    },
    load: (to, base, offset, size) => access(code, true, to, base, offset, size),
    store: (base, offset, from, size) => access(code, false, from, base, offset, size),
    operate: (op, to, from) =>
      registers(code, REGISTER_FORMS[op], op === "cmp" || op === "test" ? XZR : to, to, from),
    operateInteger: (op, to, value) => operateInteger(code, op, to, value),
    // Both are forms of ubfm.
    shiftLeft: (to, count) =>
      registers(code, UBFM | (((64 - count) & 63) << 16) | ((63 - count) << 10), to, to, 0),
    shiftRight: (to, count) => registers(code, UBFM | (count << 16) | (63 << 10), to, to, 0),
    // to = to * from + xzr
    multiply: (to, from) => registers(code, MADD | (XZR << 10), to, to, from),
    divide(divisor) {
      const { value, remainder } = REGISTERS;
      registers(code, UDIV, X16, value, divisor);
      // remainder = value - x16 * divisor
      registers(code, MSUB | (value << 10), remainder, X16, divisor);
      registers(code, MOVE_REGISTER, value, XZR, X16);
    },
    word: (value) => void code.push(value),
    wordOf(target) {
      image.fixups.push(reference(CODE, code.length * 4), WORD, target);
      code.push(0);
    },
  };
}
