/** What both instruction sets can do, as far as plans need it. */
import type { Reference } from "./image.ts";

/** A general register by its number in encodings. */
export type Register = number;

/**
 * The registers by their part in lowering. Only `spare` and, on entry to the next step, nothing else
 * survives.
 */
export interface Registers {
  /** Arguments of a system call, first to sixth. Kept by the system call, but for a result in the first. */
  readonly args: readonly [Register, Register, Register, Register, Register, Register];
  /** The result of a system call; may be `value` or the first argument. */
  readonly result: Register;
  /** Scratch, lost in a system call. */
  readonly value: Register;
  /** Scratch, lost in a system call. */
  readonly pointer: Register;
  /** Where divide() leaves the remainder; may be the third argument. */
  readonly remainder: Register;
  /** Where a program finds, at its start, a function to call at its end, or 0 (the psABI of each). */
  readonly atExit: Register;
  /** Kept by system calls, and used by nothing but the routines that share them. */
  readonly spare: readonly [Register, Register, Register, Register];
}

/** `value`: a 64-bit integer as a safe number when it is one, else as a bigint between −2^63 and 2^63−1. */
export type Integer = number | bigint;

export type Operation = "add" | "sub" | "and" | "or" | "cmp" | "test";

/** Conditions after "cmp" (signed) or "test" ("any", "none"). */
export type Flag = "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "any" | "none";

export interface Assembler {
  readonly registers: Registers;
  /** The start of the program: sets up the registers that stay fixed while it runs. */
  enter(): void;
  integer(to: Register, value: Integer): void;
  address(to: Register, target: Reference): void;
  move(to: Register, from: Register): void;
  /** The stack pointer. */
  stackPointer(to: Register): void;
  setStackPointer(from: Register): void;
  /** Slots by number. */
  loadSlot(to: Register, slot: number): void;
  storeSlot(slot: number, from: Register): void;
  slotAddress(to: Register, slot: number): void;
  /** Reads 1, 2, 4 or 8 bytes, zero-extended. */
  load(to: Register, base: Register, offset: number, size: number): void;
  store(base: Register, offset: number, from: Register, size: number): void;
  /** `to = to op from`; "cmp" and "test" set only the flags. */
  operate(op: Operation, to: Register, from: Register): void;
  operateInteger(op: Operation, to: Register, value: Integer): void;
  shiftLeft(to: Register, count: number): void;
  shiftRight(to: Register, count: number): void;
  /** `to = to * from`, its low 64 bits. */
  multiply(to: Register, from: Register): void;
  /** Divides `value`, unsigned, by `divisor`, which is neither `value` nor `remainder`. */
  divide(divisor: Register): void;
  branch(flag: Flag, label: number): void;
  jump(label: number): void;
  jumpTo(target: Register): void;
  call(label: number): void;
  /** At the start of a routine that does not return: fetches the address behind the call. */
  link(to: Register): void;
  return(): void;
  /** Calls a routine by its offset in ROUTINES. */
  callRoutine(offset: number): void;
  /** Calls a routine that does not return, and puts two words of data behind the call. */
  report(offset: number, first: number, second: number): void;
  syscall(number: number): void;
  /** The system call whose number is in `value`. */
  syscallOfValue(): void;
  /** A system call, and a jump when `result` lies between −4095 and −1. Gives what land() takes. */
  fallibleSyscall(number: number): number;
  /** Makes the jump of a fallibleSyscall() go to the end of the code. */
  land(jump: number): void;
  /** 32 bits of data, as a number or as the address of something. */
  word(value: number): void;
  wordOf(target: Reference): void;
}

/** The low 32 bits, unsigned. */
export function low32(value: Integer): number {
  return typeof value === "number" ? value >>> 0 : Number(BigInt.asUintN(32, value));
}

/** The high 32 bits of the 64, unsigned. */
export function high32(value: Integer): number {
  return typeof value === "number"
    ? Math.floor(value / 2 ** 32) >>> 0
    : Number(BigInt.asUintN(32, value >> 32n));
}

/** Is it a number that a signed 32-bit immediate holds? */
export function isInt32(value: Integer): value is number {
  return typeof value === "number" && value === (value | 0);
}
