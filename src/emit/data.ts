/** Where the plan's data lies: constants (equal ones once), structs that are written to, slots and buffers. */
import { HutchError } from "../linux/error.ts";
import type { Argument, Buffer, Field, Slot, Strings, Struct } from "../plan/step.ts";
import { type Arena, align, put8, put32, putBytes, putText, reserve, SECTION_LIMIT } from "./arena.ts";
import { high32, type Integer, isInt32, low32 } from "./assembler.ts";
import {
  ALIGNED,
  addFixup,
  BUFFERS,
  DATA,
  type Image,
  POINTER,
  type Reference,
  reference,
  SLOTS,
  sectionArena,
  TEXT,
} from "./image.ts";

/** What was placed so far. The step being emitted is named in errors. */
export interface Data {
  readonly image: Image;
  readonly texts: Map<string, Reference>;
  /** Places of constants by a hash of their bytes. */
  readonly constants: Map<number, Constant[]>;
  readonly structs: Map<Struct, Reference>;
  readonly slots: Map<string, number>;
  readonly buffers: Map<string, { readonly size: number; readonly place: Reference }>;
  context: string;
}

interface Constant {
  readonly place: Reference;
  readonly size: number;
  /** The fix-ups inside: where they begin in the list, and their length there. */
  readonly fixups: number;
  readonly fixupsLength: number;
}

export function createData(image: Image): Data {
  return {
    image,
    texts: new Map(),
    constants: new Map(),
    structs: new Map(),
    slots: new Map(),
    buffers: new Map(),
    context: "emit program",
  };
}

export function refuse(data: Data, reason: string): HutchError {
  return new HutchError({ operation: data.context, reason });
}

/** The number of a slot. */
export function slotNumber(data: Data, slot: Slot): number {
  const known = data.slots.get(slot.name);
  if (known !== undefined) return known;
  const number = data.slots.size;
  data.slots.set(slot.name, number);
  data.image.slotsSize = (number + 1) * 8;
  return number;
}

/** The place of a buffer; two sizes under one name are a HutchError. */
export function bufferPlace(data: Data, buffer: Buffer): Reference {
  const known = data.buffers.get(buffer.name);
  if (known !== undefined) {
    if (known.size === buffer.size) return known.place;
    throw refuse(data, `buffer ${buffer.name} has ${known.size} bytes elsewhere and ${buffer.size} here`);
  }
  if (!Number.isInteger(buffer.size) || buffer.size < 1 || buffer.size > SECTION_LIMIT) {
    throw refuse(data, `buffer ${buffer.name} has a size of ${buffer.size}`);
  }
  const place = bufferRoom(data.image, buffer.size);
  data.buffers.set(buffer.name, { size: buffer.size, place });
  return place;
}

/** Room for `size` zeroed bytes in the writable segment. */
export function bufferRoom(image: Image, size: number): Reference {
  const offset = image.buffersSize;
  const end = offset + Math.ceil(size / 8) * 8;
  if (end > SECTION_LIMIT) {
    throw new HutchError({
      operation: "emit program",
      reason: "the plan holds more than 256 MiB of buffers",
    });
  }
  image.buffersSize = end;
  return reference(BUFFERS, offset);
}

/** The integer as assemblers take it; anything that 64 bits cannot hold is a HutchError. */
export function integerOf(data: Data, value: Integer): Integer {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return value;
    throw refuse(data, `${value} is not an integer that a number holds exactly`);
  }
  if (value < -(2n ** 63n) || value >= 2n ** 64n) throw refuse(data, `${value} does not fit 64 bits`);
  const signed = BigInt.asIntN(64, value);
  const small = Number(signed);
  return Number.isSafeInteger(small) ? small : signed;
}

/** The NUL-terminated bytes of a string. */
export function placeText(data: Data, text: string): Reference {
  const known = data.texts.get(text);
  if (known !== undefined) return known;
  const place = reference(TEXT, data.image.text.length);
  putText(data.image.text, text, data.context);
  data.texts.set(text, place);
  return place;
}

export function placeBytes(data: Data, bytes: Uint8Array): Reference {
  // An alignment of 8 is free for what has a size of eights, such as filters.
  const section = bytes.length % 8 === 0 ? ALIGNED : TEXT;
  const arena = sectionArena(data.image, section);
  const start = arena.length;
  putBytes(arena, bytes);
  return intern(data, section, start, data.image.fixups.length);
}

export function placeStrings(data: Data, strings: Strings): Reference {
  const places = strings.strings.map((text) => placeText(data, text));
  const { aligned, fixups } = data.image;
  const start = aligned.length;
  const firstFixup = fixups.length;
  for (const place of places) putPointer(data.image, ALIGNED, aligned, place);
  put64(aligned, 0);
  return intern(data, ALIGNED, start, firstFixup);
}

/**
 * A struct: among the constants when its bytes never change, else in the writable segment. There every struct
 * has memory of its own, because two that look alike may be filled with different slots for one call.
 */
export function placeStruct(data: Data, struct: Struct): Reference {
  const known = data.structs.get(struct);
  if (known !== undefined) return known;
  const places = struct.fields.map((field) => pointerOf(data, field));
  const section = struct.fields.some((field) => isSlot(field.value)) ? DATA : ALIGNED;
  const arena = sectionArena(data.image, section);
  const start = arena.length;
  const firstFixup = data.image.fixups.length;
  for (let index = 0; index < struct.fields.length; index++) {
    const field = struct.fields[index];
    const place = places[index];
    if (field === undefined) continue;
    if (place === undefined) putInteger(data, arena, field);
    else putPointer(data.image, section, arena, place);
  }
  align(arena, 8);
  const place = section === DATA ? reference(DATA, start) : intern(data, ALIGNED, start, firstFixup);
  data.structs.set(struct, place);
  return place;
}

/** The place a pointer argument points to; undefined for integers and the values of slots. */
export function placeOf(data: Data, argument: Argument): Reference | undefined {
  if (typeof argument === "string") return placeText(data, argument);
  if (typeof argument !== "object") return undefined;
  switch (argument.kind) {
    case "slot":
      return undefined;
    case "bytes":
      return placeBytes(data, argument.bytes);
    case "buffer":
      return bufferPlace(data, argument);
    case "struct":
      return placeStruct(data, argument);
    case "strings":
      return placeStrings(data, argument);
    case "address":
      return reference(SLOTS, slotNumber(data, argument.slot) * 8);
  }
}

function pointerOf(data: Data, field: Field): Reference | undefined {
  const place = placeOf(data, field.value);
  if (place !== undefined && field.size !== 8) {
    throw refuse(data, `field ${field.name} holds a pointer in ${field.size} bytes`);
  }
  return place;
}

export function isSlot(argument: Argument): argument is Slot {
  return typeof argument === "object" && argument.kind === "slot";
}

function putInteger(data: Data, arena: Arena, field: Field): void {
  const { size } = field;
  const value = typeof field.value === "number" || typeof field.value === "bigint" ? field.value : 0;
  const integer = integerOf(data, value);
  if (size === 8) {
    put64(arena, integer);
    return;
  }
  const span = 2 ** (size * 8);
  if (typeof integer !== "number" || integer >= span || integer < -span / 2) {
    throw refuse(data, `${value} does not fit the ${size} bytes of field ${field.name}`);
  }
  if (size === 4) put32(arena, integer >>> 0);
  else for (let shift = 0; shift < size * 8; shift += 8) put8(arena, (integer >> shift) & 0xff);
}

function put64(arena: Arena, value: Integer): void {
  if (isInt32(value)) {
    reserve(arena, 8);
    arena.view.setInt32(arena.length, value, true);
    arena.view.setInt32(arena.length + 4, value >> 31, true);
    arena.length += 8;
    return;
  }
  put32(arena, low32(value));
  put32(arena, high32(value));
}

function putPointer(image: Image, section: number, arena: Arena, place: Reference): void {
  addFixup(image, reference(section, arena.length), POINTER, place);
  // The reference stands where the address will, so that equal constants are equal bytes.
  put64(arena, place);
}

/** Keeps the constant at the end of a section, from `start`, or cuts it off and gives an equal one before. */
function intern(data: Data, section: number, start: number, firstFixup: number): Reference {
  const { fixups } = data.image;
  const arena = sectionArena(data.image, section);
  const size = arena.length - start;
  const key = hash(arena, start, size) * 8 + section;
  const candidates = data.constants.get(key);
  const fresh: Constant = {
    place: reference(section, start),
    size,
    fixups: firstFixup,
    fixupsLength: fixups.length - firstFixup,
  };
  if (candidates === undefined) {
    data.constants.set(key, [fresh]);
    return fresh.place;
  }
  for (const old of candidates) {
    if (!isSame(data.image, arena, old, fresh)) continue;
    arena.length = start;
    fixups.length = firstFixup;
    return old.place;
  }
  candidates.push(fresh);
  return fresh.place;
}

function isSame(image: Image, arena: Arena, left: Constant, right: Constant): boolean {
  if (left.size !== right.size || left.fixupsLength !== right.fixupsLength) return false;
  const leftStart = left.place >>> 3;
  const rightStart = right.place >>> 3;
  const { bytes } = arena;
  const order = bytes.compare(bytes, rightStart, rightStart + right.size, leftStart, leftStart + left.size);
  if (order !== 0) return false;
  const list = image.fixups.view;
  for (let at = 0; at < left.fixupsLength; at += 12) {
    const one = list.getUint32(left.fixups + at, true) - left.place;
    if (one !== list.getUint32(right.fixups + at, true) - right.place) return false;
  }
  return true;
}

/** Cheap, not good: the size and four bytes at each of three places. */
function hash(arena: Arena, start: number, size: number): number {
  if (size < 8) return size;
  const { view } = arena;
  const first = view.getUint32(start, true);
  const middle = view.getUint32(start + ((size >> 1) & ~7), true);
  const last = view.getUint32(start + size - 8, true);
  return (
    (size ^ Math.imul(first, 0x9e3779b1) ^ Math.imul(middle, 0x85ebca6b) ^ Math.imul(last, 0xc2b2ae35)) >>> 0
  );
}
