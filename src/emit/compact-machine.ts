/** The registers of compact programs, and what every part of their machine code does. */
import type { Assembler, Flag, Register } from "./assembler.ts";
import { bindLabel, createLabel, type Image, LATER, reference } from "./image.ts";

/** What depends on the plan: where the code, which does not, finds it. */
export const PLACES = {
  /** The packed program, and the packed texts. */
  packed: reference(LATER, 0),
  packedTexts: reference(LATER, 1),
  /** In the unpacked program: the tables. */
  calls: reference(LATER, 2),
  guards: reference(LATER, 3),
  guardsEnd: reference(LATER, 4),
  /** The unpacked texts: first those of errnos from 1 on, then those of the plan; then the line. */
  errnos: reference(LATER, 5),
  texts: reference(LATER, 6),
  /** Memory for the line of a failure. */
  line: reference(LATER, 7),
  /** The cells that the texts are unpacked with (compact-range.ts). */
  kinds: reference(LATER, 8),
  ranks: reference(LATER, 9),
  lengths: reference(LATER, 10),
  literals: reference(LATER, 11),
} as const;

/** The registers that keep their meaning from instruction to instruction. */
export interface Machine {
  readonly asm: Assembler;
  readonly image: Image;
  readonly syscalls: Readonly<Record<"exit_group" | "write", number>>;
  /** The number of the last errno that has a text. */
  readonly lastErrno: number;
  /** The next byte to be read. */
  readonly pc: Register;
  /** Where the instruction began. */
  readonly begin: Register;
  /** The address of the first slot. */
  readonly base: Register;
  /** Nothing keeps anything in it. */
  readonly free: Register;
  /** Labels: the next instruction, reading an operand, writing digits, unpacking. */
  readonly next: number;
  readonly operand: number;
  readonly decimal: number;
  readonly unpack: number;
  readonly failure: number;
  /** A routine: the address of the slot whose number is at `pc`, in `value`. */
  readonly slotRoutine: number;
  /** Goes on at the place whose offset `pointer` holds. */
  readonly goOn: number;
}

/** Reads `size` bytes of the program. */
export function take({ asm, pc }: Machine, to: Register, size: 1 | 2 | 4 | 8): void {
  asm.load(to, pc, 0, size);
  asm.operateInteger("add", pc, size);
}

/** The address of the slot whose number `register` holds. */
export function slotOf({ asm, base }: Machine, register: Register): void {
  asm.shiftLeft(register, 3);
  asm.operate("add", register, base);
}

/** The address of the slot whose number comes next, in a register; destroys `value`. */
export function takeSlot({ asm, slotRoutine }: Machine, to: Register): void {
  asm.call(slotRoutine);
  asm.move(to, asm.registers.value);
}

/** Goes on at the place whose offset `register` holds. */
export function goOn({ asm, goOn: label }: Machine, register: Register): void {
  asm.move(asm.registers.pointer, register);
  asm.jump(label);
}

/** What follows is done only when `register` compares so with a constant. */
export function only(
  machine: Machine,
  register: Register,
  skip: Flag,
  constant: number,
  body: () => void,
): void {
  const end = createLabel(machine.image);
  machine.asm.operateInteger("cmp", register, constant);
  machine.asm.branch(skip, end);
  body();
  bindLabel(machine.image, end);
}
