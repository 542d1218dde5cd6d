/**
 * x86_64 encodings. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 *
 * rbx is zero all the time: `lea reg, [rbx + n]` is the shortest way to a small integer that needs no stack.
 * rbp is the middle of the first 32 slots, so that a signed byte reaches them. r11 is private scratch.
 */
import type { Assembler, Flag } from "./assembler.ts";
import {
  CODE,
  FIRST_OWN_KIND,
  type Image,
  LABEL,
  labelOffset,
  type Patch,
  reference,
  SLOTS,
  WORD,
} from "./image.ts";
import {
  direct,
  indirect,
  moveWide,
  OPCODES,
  operateInteger,
  R8,
  R9,
  R10,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  word,
} from "./x86_64-operand.ts";

const REGISTERS = {
  args: [RDI, RSI, RDX, R10, R8, R9],
  result: RAX,
  value: RAX,
  pointer: RCX,
  remainder: RDX,
  atExit: RDX,
  spare: [R12, R13, R14, R15],
} as const;

const SLOT_BIAS = 128;
const RELATIVE32 = FIRST_OWN_KIND;
const RELATIVE8 = FIRST_OWN_KIND + 1;
const NEAR = 127;

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

/** Writes the distance from the end of a field of 4 bytes, or of one. */
export const patchX86: Patch = (view, at, kind, place, target) => {
  if (kind === RELATIVE8) view.setInt8(at, target - place - 1);
  else view.setInt32(at, target - place - 4, true);
  return true;
};

/** The numbers of the jumps ahead that one byte reaches. */
export function nearJumps({ ahead, fixups, labels }: Image): Set<number> {
  const near = new Set<number>();
  for (const [number, index] of ahead.entries()) {
    const place = (fixups[index] ?? 0) >> 4;
    const label = (fixups[index + 2] ?? 0) >> 4;
    if ((labels[label] ?? 0) - place <= NEAR) near.add(number);
  }
  return near;
}

/** The 4 bytes of a distance to a label; filled in later when that lies ahead. */
function distance(image: Image, label: number): void {
  const { code } = image;
  const offset = labelOffset(image, label);
  if (offset >= 0) {
    word(code, offset - (code.length + 4));
    return;
  }
  image.fixups.push(reference(CODE, code.length), RELATIVE32, reference(LABEL, label));
  code.push(0, 0, 0, 0);
}

/** A jump; the short form is chosen when the label is known to be near, that is behind us. */
function transfer(image: Image, shortOp: number, longOp: number, label: number): void {
  const { code } = image;
  const offset = labelOffset(image, label);
  const short = offset - (code.length + 2);
  if (offset >= 0 && short >= -128) {
    code.push(shortOp, short);
    return;
  }
  if (offset < 0) {
    const isNear = image.near.has(image.ahead.length);
    image.ahead.push(image.fixups.length);
    if (isNear) {
      image.fixups.push(reference(CODE, code.length + 1), RELATIVE8, reference(LABEL, label));
      code.push(shortOp, 0);
      return;
    }
  }
  if (longOp > 0xff) code.push(longOp >> 8);
  code.push(longOp & 0xff);
  distance(image, label);
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
    branch: (flag, label) => transfer(image, 0x70 | CONDITIONS[flag], 0x0f80 | CONDITIONS[flag], label),
    jump: (label) => transfer(image, 0xeb, 0xe9, label),
    jumpTo: (to) => direct(code, 0, 0xff, 4, to),
    call(label) {
      code.push(0xe8);
      distance(image, label);
    },
    link(to) {
      if (to >= 8) code.push(0x41);
      code.push(0x58 | (to & 7));
    },
    return: () => void code.push(0xc3),
    syscall: (number) => void code.push(0xb8, number, number >> 8, 0, 0, 0x0f, 0x05),
    // The number stands in rax already.
    syscallOfValue: () => void code.push(0x0f, 0x05),
    callRoutine(offset) {
      code.push(0xe8);
      word(code, offset - image.routines.length - (code.length + 4));
    },
  };
}

type Frequent =
  | "integer"
  | "address"
  | "loadSlot"
  | "storeSlot"
  | "slotAddress"
  | "fallibleSyscall"
  | "land"
  | "report";

/** What most of a program is made of. Little is called here, because every call costs in a cold engine. */
function frequent(image: Image): Pick<Assembler, Frequent> {
  const { code } = image;
  const slot = (op: number, register: number, number: number): void => {
    const at = number * 8 - SLOT_BIAS;
    const rex = register < 8 ? 0x48 : 0x4c;
    const field = (register & 7) << 3;
    if (number < 32) code.push(rex, op, 0x45 | field, at);
    else code.push(rex, op, 0x85 | field, at, at >> 8, at >> 16, at >> 24);
  };
  return {
    integer(to, value) {
      const field = to & 7;
      if (typeof value !== "number" || value > 127 || value < -128) moveWide(code, to, value);
      else if (value === 0) {
        if (to < 8) code.push(0x31, 0xc0 | (field * 9));
        else code.push(0x45, 0x31, 0xc0 | (field * 9));
      } else if (value < 0) code.push(to < 8 ? 0x48 : 0x4c, 0x8d, 0x43 | (field << 3), value);
      else if (to < 8) code.push(0x8d, 0x43 | (field << 3), value);
      else code.push(0x44, 0x8d, 0x43 | (field << 3), value);
    },
    address(to, target) {
      const end = to < 8 ? code.push(0xb8 | to, 0, 0, 0, 0) : code.push(0x41, 0xb8 | (to & 7), 0, 0, 0, 0);
      image.fixups.push(CODE | ((end - 4) << 4), WORD, target);
    },
    loadSlot: (to, number) => slot(0x8b, to, number),
    storeSlot: (number, from) => slot(0x89, from, number),
    slotAddress: (to, number) => slot(0x8d, to, number),
    // mov eax, n; syscall; cmp rax, -4095; jae
    fallibleSyscall: (n) =>
      n > 0 && n < 128
        ? code.push(0x8d, 0x43, n, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x0f, 0x83, 0, 0, 0, 0)
        : code.push(0xb8, n, n >> 8, 0, 0, 0x0f, 5, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0x0f, 0x83, 0, 0, 0, 0),
    land(jump) {
      const gap = code.length - jump;
      code[jump - 4] = gap;
      code[jump - 3] = gap >> 8;
      code[jump - 2] = gap >> 16;
      code[jump - 1] = gap >> 24;
    },
    report(offset, a, b) {
      const gap = offset - image.routines.length - (code.length + 5);
      code.push(0xe8, gap, gap >> 8, gap >> 16, gap >> 24);
      code.push(a, a >> 8, a >> 16, a >> 24, b, b >> 8, b >> 16, b >> 24);
    },
  };
}

export function createX86(image: Image): Assembler {
  const { code } = image;
  const often = frequent(image);
  return {
    ...often,
    ...flow(image),
    registers: REGISTERS,
    enter() {
      often.address(RBP, reference(SLOTS, SLOT_BIAS));
      direct(code, 0, 0x31, RBX, RBX);
    },
    move(to, from) {
      if (to !== from) direct(code, 8, 0x89, from, to);
    },
    stackPointer: (to) => direct(code, 8, 0x89, RSP, to),
    setStackPointer: (from) => direct(code, 8, 0x89, from, RSP),
    load(to, base, offset, size) {
      if (size === 8) indirect(code, 8, 0x8b, to, base, offset);
      else if (size === 4) indirect(code, 0, 0x8b, to, base, offset);
      else indirect(code, 0, size === 2 ? 0x0fb7 : 0x0fb6, to, base, offset);
    },
    store(base, offset, from, size) {
      if (size === 2) code.push(0x66);
      // Without a REX prefix the byte registers 4 to 7 would be ah, ch, dh and bh.
      const rex = size === 8 ? 8 : size === 1 && from >= 4 && from < 8 ? 0x40 : 0;
      indirect(code, rex, size === 1 ? 0x88 : 0x89, from, base, offset);
    },
    operate: (op, to, from) => direct(code, 8, OPCODES[op], from, to),
    operateInteger: (op, to, value) => operateInteger(code, op, to, value),
    shiftLeft(to, count) {
      direct(code, 8, 0xc1, 4, to);
      code.push(count);
    },
    shiftRight(to, count) {
      direct(code, 8, 0xc1, 5, to);
      code.push(count);
    },
    multiply(to, from) {
      const rex = 0x48 | ((to >> 3) << 2) | (from >> 3);
      code.push(rex, 0x0f, 0xaf, 0xc0 | ((to & 7) << 3) | (from & 7));
    },
    divide(divisor) {
      direct(code, 0, 0x31, RDX, RDX);
      direct(code, 8, 0xf7, 6, divisor);
    },
    word: (value) => word(code, value),
    wordOf(target) {
      image.fixups.push(reference(CODE, code.length), WORD, target);
      code.push(0, 0, 0, 0);
    },
  };
}
