/** Short constructors of steps: a plan's source should read as the list of calls that it is. */
import type { SyscallName } from "../linux/syscall.ts";
import type {
  Argument,
  Branch,
  Buffer,
  Bytes,
  Call,
  Condition,
  Field,
  Guard,
  Jump,
  Label,
  Slot,
  SlotAddress,
  Step,
  Strings,
  Struct,
  Value,
} from "./step.ts";

export const slot = (name: string): Slot => ({ kind: "slot", name });

export const buffer = (name: string, size: number): Buffer => ({ kind: "buffer", name, size });

export const address = (of: Slot): SlotAddress => ({ kind: "address", slot: of });

export const bytes = (data: Uint8Array, text?: string): Bytes =>
  text === undefined ? { kind: "bytes", bytes: data } : { kind: "bytes", bytes: data, text };

export const strings = (list: readonly string[]): Strings => ({ kind: "strings", strings: list });

/** A struct from rows of [field, size, value]. */
export const struct = (
  name: string,
  rows: readonly (readonly [name: string, size: Field["size"], value: Argument])[],
): Struct => ({
  kind: "struct",
  name,
  fields: rows.map(([field, size, value]) => ({ name: field, size, value })),
});

/** One system call: what it is for, its name, its arguments, and what is special about it. */
export const call = (
  why: string,
  name: SyscallName,
  args: readonly Argument[],
  special?: Omit<Call, "kind" | "name" | "args" | "why">,
): Call => ({ kind: "call", name, args, why, ...special });

export const label = (name: string): Label => ({ kind: "label", name });

export const jump = (to: string): Jump => ({ kind: "jump", to });

export const guard = (to?: string): Guard => (to === undefined ? { kind: "guard" } : { kind: "guard", to });

export const branch = (left: Slot, is: Condition, right: Value, to: string): Branch => ({
  kind: "branch",
  left,
  is,
  right,
  to,
});

export const set = (into: Slot, value: Value | Buffer | Bytes | string): Step => ({
  kind: "compute",
  op: "set",
  into,
  left: value,
});

export const compute = (
  into: Slot,
  left: Value,
  op: "add" | "sub" | "and" | "or" | "shl" | "shr",
  right: Value,
): Step => ({ kind: "compute", op, into, left, right });

export const load = (into: Slot, from: Buffer | Slot, offset: number, size: 1 | 2 | 4 | 8): Step => ({
  kind: "load",
  into,
  from,
  offset,
  size,
});

export const store = (to: Buffer | Slot, offset: number, size: 1 | 2 | 4 | 8, value: Value): Step => ({
  kind: "store",
  to,
  offset,
  size,
  value,
});

/** Ends the program with an exit code. */
export const exit = (code: Value, why: string): Call => call(why, "exit_group", [code]);

/** The steps that write `text` to a file; the file must exist. `directory` is a descriptor or AT_FDCWD. */
export function writeFile(
  why: string,
  directory: number | Slot,
  path: string | Buffer,
  text: string,
  special: { readonly flags: number; readonly into: Slot } & Pick<Call, "errors" | "hints">,
): Step[] {
  const { flags, into, ...outcome } = special;
  const content = new TextEncoder().encode(text);
  return [
    call(why, "openat", [directory, path, flags, 0], { into, ...outcome }),
    call(why, "write", [into, bytes(content, JSON.stringify(text)), content.length], outcome),
    call(why, "close", [into]),
  ];
}
