/** What the operands of a compact program name: its slots, its memory, and what is among its constants. */
import { HutchError } from "../linux/error.ts";
import type { Argument, Buffer as PlanBuffer, Slot, Strings, Struct } from "../plan/step.ts";
import { putLittle } from "./compact-bytes.ts";
import {
  appendBytes,
  appendText,
  type Constants,
  createConstants,
  extend,
  intern,
  KIND,
  type Place,
  POINTER_SIZE,
  placeText,
  tooLarge,
} from "./compact-constants.ts";
import { FIRST_PLAN_SLOT, MEMORY, MOST_SLOTS, PROGRAM_OFFSET } from "./compact-format.ts";

export interface CompactData extends Constants {
  readonly slots: Map<string, number>;
  /** So many of the slots are among those of the machine code. */
  readonly ownSlots: number;
  readonly buffers: Map<string, { readonly size: number; readonly place: Place }>;
  /** Small buffers come first, because they are named by two bytes. */
  memorySize: number;
}

export function createCompactData(ownSlots: ReadonlyMap<string, number>): CompactData {
  return {
    ...createConstants(),
    slots: new Map(ownSlots),
    ownSlots: ownSlots.size,
    buffers: new Map(),
    memorySize: 0,
  };
}

export function slotNumber({ slots, ownSlots }: CompactData, name: string): number {
  const known = slots.get(name);
  if (known !== undefined) return known;
  const number = FIRST_PLAN_SLOT + slots.size - ownSlots;
  if (number >= MOST_SLOTS) throw tooLarge("slots");
  slots.set(name, number);
  return number;
}

/** Memory that is zero at first. */
export function reserve(data: CompactData, size: number): Place {
  const offset = data.memorySize;
  data.memorySize += (size + 7) & ~7;
  return { in: "memory", offset };
}

export function bufferPlace(data: CompactData, { name, size }: PlanBuffer): Place {
  const known = data.buffers.get(name);
  if (known !== undefined) {
    if (known.size === size) return known.place;
    throw new HutchError({
      operation: "emit compact program",
      reason: `buffer ${name} has ${known.size} bytes elsewhere and ${size} here`,
    });
  }
  const place = reserve(data, size);
  data.buffers.set(name, { size, place });
  return place;
}

export const placeBytes = (data: CompactData, bytes: Uint8Array): Place =>
  intern(data, KIND.bytes, appendBytes(data, bytes));

/** The hints of a call, as compact-report.ts reads them. */
export const placeHints = (data: CompactData, bytes: readonly number[]): Place =>
  intern(data, KIND.hints, appendBytes(data, bytes));

/** The strings of a `next`, one after the other, and an empty one. */
export function placeSequence(data: CompactData, { strings }: Strings): Place {
  if (strings.includes("")) throw tooLarge("empty strings in a list");
  const start = data.size;
  for (const text of strings) appendText(data, text);
  extend(data, 1);
  return intern(data, KIND.list, start);
}

/** An array of pointers, as argv. */
export function placeStrings(data: CompactData, { strings }: Strings): Place {
  const places = strings.map((text) => placeText(data, text));
  const firstPointer = data.pointers.length;
  const start = extend(data, (places.length + 1) * POINTER_SIZE);
  for (const [index, to] of places.entries()) data.pointers.push({ at: start + index * POINTER_SIZE, to });
  return intern(data, KIND.strings, start, firstPointer);
}

/** The place that something is passed by, whose bytes never change. */
export function placeConstant(data: CompactData, argument: Exclude<Argument, number | bigint | Slot>): Place {
  if (typeof argument === "string") return placeText(data, argument);
  switch (argument.kind) {
    case "bytes":
      return placeBytes(data, argument.bytes);
    case "strings":
      return placeStrings(data, argument);
    case "buffer":
      return bufferPlace(data, argument);
    case "address":
      return { in: "slots", offset: slotNumber(data, argument.slot.name) * 8 };
    case "struct":
      return placeStruct(data, argument);
  }
}

function placeStruct(data: CompactData, struct: Struct): Place {
  const { name, fields } = struct;
  // What the fields point to comes first.
  let places: (Place | undefined)[] | undefined;
  let size = 0;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index];
    if (field === undefined) continue;
    const { value } = field;
    if (typeof value === "number" || typeof value === "bigint") {
      size += field.size;
      continue;
    }
    if (typeof value === "object" && value.kind === "slot")
      throw new RangeError("a struct that is filled in");
    places ??= [];
    places[index] = placeConstant(data, value);
    size += POINTER_SIZE;
  }
  const firstPointer = data.pointers.length;
  const start = extend(data, size);
  let at = start;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index];
    if (field === undefined) continue;
    const { value } = field;
    const to = places?.[index];
    if (to !== undefined) {
      data.pointers.push({ at, to });
      at += POINTER_SIZE;
    } else if (typeof value === "number" || typeof value === "bigint") {
      putLittle(data.constants, at, value, field.size, name, field.name);
      at += field.size;
    }
  }
  return intern(data, KIND.struct, start, firstPointer);
}

/** How far a place is from the first slot, once it is known where the constants and the memory begin. */
export const distanceOf = (place: Place, constants: number, memory: number): number =>
  place.offset + (place.in === "slots" ? 0 : place.in === "memory" ? memory : PROGRAM_OFFSET + constants);

/** Writes the addresses into the constants. */
export function link({ constants, pointers }: CompactData, first: number, memory: number): void {
  for (const { at, to } of pointers)
    putLittle(constants, at, MEMORY + distanceOf(to, first, memory), POINTER_SIZE, "address");
}
