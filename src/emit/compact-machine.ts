/** The registers of compact programs, and what every part of their machine code does. */
import type { Assembler, Flag, Register } from "./assembler.ts";
import { bindLabel, createLabel, type Image, type Reference } from "./image.ts";

/** What depends on the plan: sizes and places. */
export interface CompactPlaces {
  /** The packed program, and where it ends. */
  readonly packed: Reference;
  readonly packedEnd: Reference;
  readonly texts: Reference;
  readonly pairs: Reference;
  /** Offsets in the unpacked program: the first instruction, and the tables. */
  readonly first: number;
  readonly calls: number;
  readonly guards: number;
  readonly guardsEnd: number;
  /** The number of the text of errno 1. */
  readonly firstErrno: number;
  readonly lastErrno: number;
  /** Memory for the line of a failure, and for texts in texts. */
  readonly line: Reference;
  readonly stack: Reference;
  readonly exitGroup: number;
  readonly write: number;
}

/** The registers that keep their meaning from instruction to instruction. */
export interface Machine {
  readonly asm: Assembler;
  readonly image: Image;
  readonly places: CompactPlaces;
  /** The next byte to be read. */
  readonly pc: Register;
  /** Where the instruction began. */
  readonly begin: Register;
  /** The address of the first slot. */
  readonly base: Register;
  /** Labels: the next instruction, reading an operand, writing digits. */
  readonly next: number;
  readonly operand: number;
  readonly decimal: number;
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
