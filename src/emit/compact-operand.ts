/** Operands of compact instructions, and the encoder that they are written by. */
import { HutchError } from "../linux/error.ts";
import type { Argument, Slot, Struct } from "../plan/step.ts";
import { putLittle } from "./compact-bytes.ts";
import type { Place } from "./compact-constants.ts";
import { type CompactData, placeConstant, reserve, slotNumber } from "./compact-data.ts";
import { FIRST_OPERAND, OP, OPERAND, SLOT_OPERAND } from "./compact-format.ts";

/** The encoder while it works. */
export interface Encoder {
  /** Instructions; what has no room is not written, and refused at the end. */
  readonly code: Uint8Array;
  /** So many bytes of instructions there are. */
  size: number;
  readonly data: CompactData;
  readonly syscalls: Readonly<Record<string, number>>;
  /** Texts by their number. */
  readonly texts: Map<string, number>;
  /** The calls in use: by name and count of arguments their place in the table. */
  readonly calls: Map<string, number[]>;
  /** The table: rows of CALL_ENTRY bytes. */
  readonly entries: number[];
  readonly labels: Map<string, number>;
  /** Two bytes each, filled in at the end: places to go on at, and distances of constants and memory. */
  readonly targets: { readonly at: number; readonly to: string }[];
  readonly addresses: Address[];
  readonly hasHints: boolean;
}

/** A distance that is filled in at the end. */
interface Address {
  readonly at: number;
  readonly size: 2 | 4;
  readonly to: Place;
  /** What it is counted from, itself counted from the first slot. */
  readonly from: number;
}

export function putByte(encoder: Encoder, byte: number): void {
  encoder.code[encoder.size++] = byte;
}

/** The low 16 bits. */
export function putWord(encoder: Encoder, word: number): void {
  const { code, size } = encoder;
  code[size] = word;
  code[size + 1] = word >> 8;
  encoder.size = size + 2;
}

/** An integer that has to fit. */
export function putChecked(encoder: Encoder, value: number | bigint, size: number): void {
  putLittle(encoder.code, encoder.size, value, size, "operand");
  encoder.size += size;
}

export function putTarget(encoder: Encoder, to: string): void {
  encoder.targets.push({ at: encoder.size, to });
  encoder.size += 2;
}

/** A distance of 2 bytes, from the first slot or what is so far behind it. */
export function putDistance(encoder: Encoder, to: Place, from: number): void {
  encoder.addresses.push({ at: encoder.size, size: 2, to, from });
  encoder.size += 2;
}

export function putPlace(encoder: Encoder, to: Place): void {
  // Memory lies behind the program, whose size is not known yet: two bytes reach the first 32 KiB of it.
  if (to.in !== "memory" || to.offset < 0x8000) {
    putByte(encoder, OPERAND.address2);
    putDistance(encoder, to, 0);
    return;
  }
  putByte(encoder, OPERAND.address4);
  encoder.addresses.push({ at: encoder.size, size: 4, to, from: 0 });
  encoder.size += 4;
}

export function putInteger(encoder: Encoder, value: number | bigint): void {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new HutchError({ operation: "emit compact program", reason: `${value} is no exact integer` });
  }
  if (value >= 0 && value < FIRST_OPERAND) putByte(encoder, Number(value));
  else if (value < 0 && value >= -0xff) {
    putByte(encoder, OPERAND.minus);
    putByte(encoder, -Number(value));
  } else if (value >= 0 && value <= 0xffff) {
    putByte(encoder, OPERAND.word2);
    putWord(encoder, Number(value));
  } else {
    const isHalf = value >= 0 && value <= 0xffffffff;
    putByte(encoder, isHalf ? OPERAND.word4 : OPERAND.word8);
    putChecked(encoder, value, isHalf ? 4 : 8);
  }
}

export function putSlot(encoder: Encoder, slot: Slot): void {
  const number = slotNumber(encoder.data, slot.name);
  if (SLOT_OPERAND + number <= 0xff) putByte(encoder, SLOT_OPERAND + number);
  else {
    putByte(encoder, OPERAND.slot);
    putByte(encoder, number);
  }
}

export function putOperand(encoder: Encoder, argument: Argument): void {
  if (typeof argument === "number" || typeof argument === "bigint") putInteger(encoder, argument);
  else if (typeof argument === "object" && argument.kind === "slot") putSlot(encoder, argument);
  else putPlace(encoder, placeConstant(encoder.data, argument));
}

export const STORES = { 1: OP.store1, 2: OP.store2, 4: OP.store4, 8: OP.store8 } as const;

export function isFilled({ fields }: Struct): boolean {
  for (let index = 0; index < fields.length; index++) {
    const value = fields[index]?.value;
    if (typeof value !== "object") continue;
    if (value.kind === "slot" || (value.kind === "struct" && isFilled(value))) return true;
  }
  return false;
}

/** Writes a struct that holds slots into memory of its own; what is zero is there already. */
export function fill(encoder: Encoder, struct: Struct): Place {
  const place = reserve(
    encoder.data,
    struct.fields.reduce((size, field) => size + field.size, 0),
  );
  let offset = 0;
  for (const { value, size } of struct.fields) {
    const isInner = typeof value === "object" && value.kind === "struct" && isFilled(value);
    const inner = isInner ? fill(encoder, value) : undefined;
    if (value !== 0 && value !== 0n) {
      putByte(encoder, STORES[size]);
      putPlace(encoder, { ...place, offset: place.offset + (offset & ~7) });
      putByte(encoder, offset & 7);
      if (inner === undefined) putOperand(encoder, value);
      else putPlace(encoder, inner);
    }
    offset += size;
  }
  return place;
}
