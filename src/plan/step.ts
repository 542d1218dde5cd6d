/**
 * The step language: what a plan is made of.
 *
 * A plan is a flat list of steps, pure data. Three back ends read it: `plan/print` (text for people),
 * `host/perform` (calls through FFI while Bun lives) and `emit` (machine code). All three give a step
 * the same meaning, so a plan can be shown, tested and executed from one description.
 */
import type { ErrnoName } from "../linux/errno.ts";
import type { SyscallName } from "../linux/syscall.ts";

/** A named cell that holds one 64-bit value while the plan runs; zero until it is written. */
export interface Slot {
  readonly kind: "slot";
  readonly name: string;
}

/** Named, zeroed, writable memory of `size` bytes; two buffers of one name are the same memory. */
export interface Buffer {
  readonly kind: "buffer";
  readonly name: string;
  readonly size: number;
}

/** Constant bytes; an argument that is Bytes is passed as a pointer to them. */
export interface Bytes {
  readonly kind: "bytes";
  readonly bytes: Uint8Array;
  /** What a person is shown instead of the bytes. */
  readonly text?: string;
}

/** One field of a struct: `size` bytes, little-endian; pointers and slots are allowed. */
export interface Field {
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly value: Argument;
}

/** A C struct without padding of its own (padding is a field); passed as a pointer to it. */
export interface Struct {
  readonly kind: "struct";
  /** The C name, for printing: `clone_args`. */
  readonly name: string;
  readonly fields: readonly Field[];
}

/** A NULL-terminated array of pointers to NUL-terminated strings: argv, envp. */
export interface Strings {
  readonly kind: "strings";
  readonly strings: readonly string[];
}

/** A pointer to the 8 bytes of a slot, for calls that write a value back (pipe2, clone_args.pidfd). */
export interface SlotAddress {
  readonly kind: "address";
  readonly slot: Slot;
}

/** A plain number is an integer; a plain string is a pointer to its NUL-terminated UTF-8 bytes. */
export type Argument = number | bigint | string | Slot | Buffer | Bytes | Struct | Strings | SlotAddress;

/** An integer known now, or the value of a slot when the step runs. */
export type Value = number | bigint | Slot;

/**
 * What happens when a call fails with a certain errno: go on, make the same call again, or go on at a
 * label.
 */
export type Outcome = "ignore" | "retry" | { readonly to: string };

/** One system call. */
export interface Call {
  readonly kind: "call";
  readonly name: SyscallName;
  readonly args: readonly Argument[];
  /** What the call is for, in words, lowercase, without a full stop: "mount proc on /proc". */
  readonly why: string;
  /**
   * A slot that holds the address of a string (see Next and Given), which is added to `why` in the message of
   * a
   * failure.
   */
  readonly subject?: Slot;
  /** Receives the result: the value, or −errno when the call failed and the failure is listed in `errors`. */
  readonly into?: Slot;
  /** The failures that are expected; every other errno is reported and ends the plan (see Guard). */
  readonly errors?: Readonly<Partial<Record<ErrnoName, Outcome>>>;
  /**
   * Where the plan goes on after every errno that `errors` does not list; nothing is reported then. For calls
   * that only try whether something can be done.
   */
  readonly otherwise?: string;
  /** What a person could do about a failure, by errno; added to the message. */
  readonly hints?: Readonly<Partial<Record<ErrnoName, string>>>;
  /**
   * The exit code of the program when this call fails; 125 when absent. Ignored below a Guard with a
   * label.
   */
  readonly exitCode?: number;
}

/** A place to jump to. */
export interface Label {
  readonly kind: "label";
  readonly name: string;
}

/** Go on at a label. */
export interface Jump {
  readonly kind: "jump";
  readonly to: string;
}

/** Comparisons are of signed 64-bit integers; "any" asks whether `left & right` is not zero. */
export type Condition = "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "any";

/** Go on at a label when the condition holds. */
export interface Branch {
  readonly kind: "branch";
  readonly left: Slot;
  readonly is: Condition;
  readonly right: Value;
  readonly to: string;
}

/** Arithmetic on 64-bit values; shifts are logical and take a constant right side below 64. */
export interface Compute {
  readonly kind: "compute";
  readonly op: "set" | "add" | "sub" | "and" | "or" | "shl" | "shr";
  readonly into: Slot;
  /** For "set" the value itself, or a buffer, bytes or a string for its address; `right` is then absent. */
  readonly left: Value | Buffer | Bytes | string;
  readonly right?: Value;
}

/** Reads `size` bytes at `offset` of a buffer, or of the address in a slot, into a slot, zero-extended. */
export interface Load {
  readonly kind: "load";
  readonly into: Slot;
  readonly from: Buffer | Slot;
  readonly offset: number;
  readonly size: 1 | 2 | 4 | 8;
}

/** Writes the low `size` bytes of a value to `offset` of a buffer, or of the address in a slot. */
export interface Store {
  readonly kind: "store";
  readonly to: Buffer | Slot;
  readonly offset: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly value: Value;
}

/**
 * Writes the unsigned value in decimal, NUL-terminated, to the start of a buffer of at least 21 bytes, or to
 * the address in a slot.
 */
export interface Decimal {
  readonly kind: "decimal";
  readonly to: Buffer | Slot;
  readonly value: Value;
  /** Receives the number of digits. */
  readonly length?: Slot;
}

/**
 * Takes the next string of a list: its address goes into the slot; after the last one the slot is 0, the plan
 * goes on at `done`, and the list is at its start again. What is done alike to many paths is so written, and
 * emitted, once.
 */
export interface Next {
  readonly kind: "next";
  readonly into: Slot;
  readonly from: Strings;
  readonly done: string;
}

/**
 * Takes what the program was given at its start (execve(2)): the address of one of its arguments, 0 when
 * there are fewer, or of all its arguments or its environment (arrays as of Strings; behind the environment
 * is the auxiliary vector of getauxval(3)). So one program serves containers of many names.
 */
export interface Given {
  readonly kind: "given";
  readonly into: Slot;
  readonly what: number | "arguments" | "environment";
}

/**
 * Ends the plan and goes on with a program that is in memory already, at an address: it finds the stack, and
 * what else the system's ABI promises to a program at its start, as this one found it.
 */
export interface Enter {
  readonly kind: "enter";
  readonly at: Slot;
  /** The address of another stack, whose top holds what execve(2) puts there. */
  readonly stack?: Slot;
}

/**
 * From here on, in the order of the list, a call that fails (and does not list the errno) is reported and
 * the plan goes on at `to`; without `to` the program exits with the call's exit code, as at the start.
 */
export interface Guard {
  readonly kind: "guard";
  readonly to?: string;
}

/** Reports `message` as a failed call would be reported, without errno, then follows the guard. */
export interface Fail {
  readonly kind: "fail";
  readonly message: string;
  readonly exitCode?: number;
}

export type Step =
  | Call
  | Label
  | Jump
  | Branch
  | Compute
  | Load
  | Store
  | Decimal
  | Next
  | Given
  | Enter
  | Guard
  | Fail;

export type Plan = readonly Step[];
