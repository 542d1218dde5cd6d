/** The constants of a compact program: they follow its instructions, and are found by their distance. */
import { HutchError } from "../linux/error.ts";
import type { Argument, Buffer as PlanBuffer, Slot, Strings, Struct } from "../plan/step.ts";
import { FIRST_PLAN_SLOT, MEMORY, MOST_SLOTS, PROGRAM_OFFSET } from "./compact-format.ts";

/** A place in the program: in its constants, or in memory that is zero at first; offsets in bytes. */
export interface Place {
  readonly in: "constants" | "memory" | "slots";
  readonly offset: number;
}

export interface CompactData {
  readonly constants: number[];
  /** Places in `constants` of 8 bytes that hold an address. */
  readonly pointers: { readonly at: number; readonly to: Place }[];
  readonly known: Map<string, Place>;
  readonly slots: Map<string, number>;
  /** So many of the slots are among those of the machine code. */
  readonly ownSlots: number;
  readonly buffers: Map<string, { readonly size: number; readonly place: Place }>;
  /** Small buffers come first, because they are named by two bytes. */
  memorySize: number;
}

export function createCompactData(ownSlots: ReadonlyMap<string, number>): CompactData {
  return {
    constants: [],
    pointers: [],
    known: new Map(),
    slots: new Map(ownSlots),
    ownSlots: ownSlots.size,
    buffers: new Map(),
    memorySize: 0,
  };
}

/** Tells that a plan does not fit the compact form, which then is not for it. */
export const tooLarge = (what: string): RangeError => new RangeError(`the plan has too many ${what}`);

export function slotNumber({ slots, ownSlots }: CompactData, { name }: Slot): number {
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

const utf8 = new TextEncoder();

/** The key of a constant that is no text: no text has a NUL. */
function keyOf(kind: string, of: string | ArrayLike<number>): string {
  if (typeof of === "string") return `${kind}\0${of}`;
  let key = `${kind}\0`;
  for (let at = 0; at < of.length; at++) key += String.fromCharCode(of[at] ?? 0);
  return key;
}

/** Equal constants are there once. */
function intern(data: CompactData, key: string, make: () => Iterable<number>): Place {
  const known = data.known.get(key);
  if (known !== undefined) return known;
  const place: Place = { in: "constants", offset: data.constants.length };
  for (const byte of make()) data.constants.push(byte);
  data.known.set(key, place);
  return place;
}

export function placeText(data: CompactData, text: string): Place {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new HutchError({
      operation: "emit compact program",
      reason: `${JSON.stringify(text)} is no C string`,
    });
  }
  return intern(data, text, () => utf8.encode(`${text}\0`));
}

export const placeBytes = (data: CompactData, bytes: Uint8Array): Place =>
  intern(data, keyOf("bytes", bytes), () => bytes);

/** Numbers, each in so many bytes. */
export const placeList = (data: CompactData, key: string, bytes: readonly number[]): Place =>
  intern(data, keyOf(key, bytes), () => bytes);

/** The strings of a `next`, one after the other, and an empty one. */
export function placeSequence(data: CompactData, { strings }: Strings): Place {
  if (strings.includes("")) throw tooLarge("empty strings in a list");
  return intern(data, keyOf("list", strings.join("\0")), () =>
    utf8.encode(`${strings.map((text) => `${text}\0`).join("")}\0`),
  );
}

/** An array of pointers, as argv. */
export function placeStrings(data: CompactData, { strings }: Strings): Place {
  const places = strings.map((text) => placeText(data, text));
  return intern(data, keyOf("strings", places.map(({ offset }) => offset).join()), () => {
    const start = data.constants.length;
    for (const [index, to] of places.entries()) data.pointers.push({ at: start + index * 8, to });
    return new Uint8Array(places.length * 8 + 8);
  });
}

/** The little-endian bytes of an integer; one that does not fit is a HutchError. */
export function bytesOf(value: number | bigint, size: number, what: string): number[] {
  // Nearly all: no bigint is made for them.
  if (
    typeof value === "number" &&
    value >= 0 &&
    value < 2 ** Math.min(size * 8, 31) &&
    value === (value | 0)
  ) {
    const small: number[] = [];
    for (let shift = 0; shift < size * 8; shift += 8) small.push(shift < 32 ? (value >> shift) & 0xff : 0);
    return small;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw unfit(value, size, what);
  const whole = BigInt(value);
  if (BigInt.asUintN(size * 8, whole) !== whole && BigInt.asIntN(size * 8, whole) !== whole) {
    throw unfit(value, size, what);
  }
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(size * 8, whole); bytes.length < size; rest >>= 8n)
    bytes.push(Number(rest & 0xffn));
  return bytes;
}

const unfit = (value: number | bigint, size: number, what: string): HutchError =>
  new HutchError({ operation: `emit ${what}`, reason: `${value} does not fit ${size} bytes` });

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
      return { in: "slots", offset: slotNumber(data, argument.slot) * 8 };
    case "struct":
      return placeStruct(data, argument);
  }
}

function placeStruct(data: CompactData, { name, fields }: Struct): Place {
  const bytes: number[] = [];
  const pointers: { at: number; to: Place }[] = [];
  for (const { name: field, size, value } of fields) {
    if (typeof value === "number" || typeof value === "bigint") {
      bytes.push(...bytesOf(value, size, `${name}.${field}`));
      continue;
    }
    if (typeof value === "object" && value.kind === "slot")
      throw new RangeError("a struct that is filled in");
    pointers.push({ at: bytes.length, to: placeConstant(data, value) });
    bytes.push(...new Uint8Array(8));
  }
  const key = pointers.map(({ at, to }) => `${at} ${to.in} ${to.offset}`).join();
  return intern(data, keyOf(`struct ${key}`, bytes), () => {
    const start = data.constants.length;
    for (const { at, to } of pointers) data.pointers.push({ at: start + at, to });
    return bytes;
  });
}

/** How far a place is from the first slot, once it is known where the constants and the memory begin. */
export const distanceOf = (place: Place, constants: number, memory: number): number =>
  place.offset + (place.in === "slots" ? 0 : place.in === "memory" ? memory : PROGRAM_OFFSET + constants);

/** Writes the addresses into the constants. */
export function link({ constants, pointers }: CompactData, first: number, memory: number): void {
  for (const { at, to } of pointers) {
    const address = bytesOf(MEMORY + distanceOf(to, first, memory), 8, "address");
    for (const [index, byte] of address.entries()) constants[at + index] = byte;
  }
}
