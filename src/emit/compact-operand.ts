/** Operands of compact instructions, and the encoder that they are written by. */
import { HutchError } from "../linux/error.ts";
import type { Argument, Plan, Slot, Struct } from "../plan/step.ts";
import {
  bytesOf,
  type CompactData,
  type Place,
  placeConstant,
  reserve,
  slotNumber,
  tooLarge,
} from "./compact-data.ts";
import { OP, OPERAND, SLOT_OPERAND } from "./compact-format.ts";

/** The encoder while it works. */
export interface Encoder {
  readonly code: number[];
  readonly data: CompactData;
  readonly syscalls: Readonly<Record<string, number>>;
  /** Texts by their number. */
  readonly texts: Map<string, number>;
  /** The calls in use: by name and count of arguments their place in the table. */
  readonly calls: Map<string, number[]>;
  readonly entries: number[][];
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

export function textNumber({ texts }: Pick<Encoder, "texts">, text: string): number {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new HutchError({ operation: "emit compact program", reason: `${JSON.stringify(text)} is no text` });
  }
  const number = texts.size;
  if (number > 0xffff) throw tooLarge("texts");
  texts.set(text, number);
  return number;
}

/** A limit's value; the paths and errnos of texts have shorter numbers. */
const VALUE = /\d{4}/;

/**
 * Gives texts their numbers: first the reasons of calls, which one byte reaches, then the rest. Those with
 * values get theirs later, as they are met; returns the first of them.
 */
export function numberTexts(encoder: Encoder, plan: Plan): number {
  const add = (text: string): void => {
    if (!encoder.texts.has(text) && !VALUE.test(text)) textNumber(encoder, text);
  };
  for (const step of plan) if (step.kind === "call") add(step.why);
  for (const step of plan) {
    if (step.kind === "call") add(step.name);
    if (step.kind === "call" && encoder.hasHints) Object.values(step.hints ?? {}).forEach(add);
    if (step.kind === "fail") add(step.message);
  }
  return encoder.texts.size;
}

export function put(encoder: Encoder, value: number | bigint, size: number): void {
  encoder.code.push(...bytesOf(value, size, "operand"));
}

export function putTarget(encoder: Encoder, to: string): void {
  encoder.targets.push({ at: encoder.code.length, to });
  encoder.code.push(0, 0);
}

export function putPlace(encoder: Encoder, to: Place): void {
  // Memory lies behind the program, whose size is not known yet: two bytes reach the first 32 KiB of it.
  const size = to.in === "memory" && to.offset >= 0x8000 ? 4 : 2;
  encoder.code.push(size === 2 ? OPERAND.address2 : OPERAND.address4);
  encoder.addresses.push({ at: encoder.code.length, size, to, from: 0 });
  for (let index = 0; index < size; index++) encoder.code.push(0);
}

export function putInteger(encoder: Encoder, value: number | bigint): void {
  const { code } = encoder;
  if (typeof value === "number" && value >= 0 && value < SLOT_OPERAND && value === (value | 0)) {
    code.push(value);
    return;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new HutchError({ operation: "emit compact program", reason: `${value} is no exact integer` });
  }
  const whole = BigInt(value);
  const [size, kind] =
    whole >= 0n && whole <= 0xffffn
      ? ([2, OPERAND.word2] as const)
      : whole >= 0n && whole <= 0xffffffffn
        ? ([4, OPERAND.word4] as const)
        : ([8, OPERAND.word8] as const);
  if (whole >= 0n && whole < SLOT_OPERAND) code.push(Number(whole));
  else if (whole < 0n && whole >= -0xffn) code.push(OPERAND.minus, Number(-whole));
  else {
    code.push(kind);
    put(encoder, value, size);
  }
}

export function putSlot({ code, data }: Encoder, slot: Slot): void {
  const number = slotNumber(data, slot);
  if (SLOT_OPERAND + number < OPERAND.slot) code.push(SLOT_OPERAND + number);
  else code.push(OPERAND.slot, number);
}

export function putOperand(encoder: Encoder, argument: Argument): void {
  if (typeof argument === "number" || typeof argument === "bigint") putInteger(encoder, argument);
  else if (typeof argument === "object" && argument.kind === "slot") putSlot(encoder, argument);
  else putPlace(encoder, placeConstant(encoder.data, argument));
}

export const STORES = { 1: OP.store1, 2: OP.store2, 4: OP.store4, 8: OP.store8 } as const;

export const isFilled = ({ fields }: Struct): boolean =>
  fields.some(
    ({ value }) =>
      typeof value === "object" && (value.kind === "slot" || (value.kind === "struct" && isFilled(value))),
  );

/** Writes a struct that holds slots into memory of its own; what is zero is there already. */
export function fill(encoder: Encoder, struct: Struct): Place {
  const { data, code } = encoder;
  const place = reserve(
    data,
    struct.fields.reduce((size, field) => size + field.size, 0),
  );
  let offset = 0;
  for (const { value, size } of struct.fields) {
    const isInner = typeof value === "object" && value.kind === "struct" && isFilled(value);
    const inner = isInner ? fill(encoder, value) : undefined;
    if (value !== 0 && value !== 0n) {
      code.push(STORES[size]);
      putPlace(encoder, { ...place, offset: place.offset + (offset & ~7) });
      code.push(offset & 7);
      if (inner === undefined) putOperand(encoder, value);
      else putPlace(encoder, inner);
    }
    offset += size;
  }
  return place;
}
