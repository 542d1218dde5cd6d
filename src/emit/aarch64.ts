/**
 * aarch64 encodings. Source: Arm Architecture Reference Manual for A-profile architecture, part C.
 *
 * x28 is the address of the first slot; x16 is private scratch.
 */
import { HutchError } from "../linux/error.ts";
import {
  ADD_IMMEDIATE,
  ADD_SHIFTED,
  ADDS_IMMEDIATE,
  access,
  immediate12,
  MADD,
  MOVE_REGISTER,
  MOVK,
  MOVZ,
  MSUB,
  moveInteger,
  operateInteger,
  REGISTER_FORMS,
  registers,
  SP,
  UBFM,
  UDIV,
  X16,
  X28,
  X30,
  XZR,
} from "./aarch64-operand.ts";
import type { Assembler, Flag } from "./assembler.ts";
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
