/** Data with an inner form: structs and arrays of pointers to strings. */
import type {
  Argument,
  Bytes,
  Buffer as PlanBuffer,
  Slot,
  SlotAddress,
  Strings,
  Struct,
} from "../plan/step.ts";
import { high32, type Integer, low32 } from "./assembler.ts";
import {
  bufferPlace,
  type Constant,
  checkSize,
  type Data,
  integerOf,
  placeBytes,
  placeText,
  refuse,
  slotNumber,
} from "./data.ts";
import { ALIGNED, DATA, FIXUP, type Image, POINTER, type Reference, reference, SLOTS } from "./image.ts";

export function placeStrings(data: Data, strings: Strings): Reference {
  const { aligned, fixups } = data.image;
  const start = aligned.length;
  const firstFixup = fixups.length;
  for (const text of strings.strings) {
    fixups.push(reference(ALIGNED, aligned.length * 4), POINTER, placeText(data, text));
    aligned.push(0, 0);
  }
  aligned.push(0, 0);
  return intern(data, start, firstFixup);
}

/**
 * A struct: among the constants when its bytes never change, else in the writable segment. There every struct
 * has memory of its own, because two that look alike may be filled with different slots for one call.
 */
export function placeStruct(data: Data, struct: Struct): Reference {
  const known = data.structs.get(struct);
  if (known !== undefined) return known;
  const { image } = data;
  const { fields } = struct;
  const places: (Reference | undefined)[] = [];
  let section = ALIGNED;
  // What the fields point to comes first, because it lands in the same sections.
  for (const { value } of fields) {
    const isInteger = typeof value === "number" || typeof value === "bigint";
    if (isSlot(value)) section = DATA;
    places.push(isInteger || isSlot(value) ? undefined : placeOf(data, value));
  }
  const words = section === DATA ? image.data : image.aligned;
  const start = words.length;
  const firstFixup = image.fixups.length;
  let offset = 0;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index];
    const place = places[index];
    if (field === undefined) continue;
    const { value, size } = field;
    if (place !== undefined) {
      if (size !== 8) throw refuse(data, `field ${field.name} holds a pointer in ${size} bytes`);
      image.fixups.push(reference(section, start * 4 + offset), POINTER, place);
    }
    // The usual field: a small integer in 8 bytes that follow on whole words.
    if (
      size === 8 &&
      typeof value === "number" &&
      value === (value | 0) &&
      words.length * 4 === start * 4 + offset
    ) {
      words.push(value, value >> 31);
    } else putField(words, start, offset, size, fieldInteger(data, field.name, size, value));
    offset += size;
  }
  if (words.length % 2 !== 0) words.push(0);
  checkSize(data, words.length * 4);
  const place = section === DATA ? reference(DATA, start * 4) : intern(data, start, firstFixup);
  data.structs.set(struct, place);
  return place;
}

/** The place of what is passed by its address. */
export function placeMemory(data: Data, argument: PlanBuffer | Bytes | Struct | Strings): Reference {
  switch (argument.kind) {
    case "bytes":
      return placeBytes(data, argument.bytes);
    case "buffer":
      return bufferPlace(data, argument);
    case "struct":
      return placeStruct(data, argument);
    case "strings":
      return placeStrings(data, argument);
  }
}

function placeOf(
  data: Data,
  pointer: string | PlanBuffer | Bytes | Struct | Strings | SlotAddress,
): Reference {
  if (typeof pointer === "string") return placeText(data, pointer);
  if (pointer.kind === "address") return reference(SLOTS, slotNumber(data, pointer.slot) * 8);
  return placeMemory(data, pointer);
}

export function isSlot(argument: Argument): argument is Slot {
  return typeof argument === "object" && argument.kind === "slot";
}

/** The constant part of a field: zero where a slot or a pointer goes. */
function fieldInteger(data: Data, name: string, size: number, value: Argument): Integer {
  if (typeof value !== "number" && typeof value !== "bigint") return 0;
  const integer = integerOf(data, value);
  const span = 2 ** (size * 8);
  if (size < 8 && (typeof integer !== "number" || integer >= span || integer < -span / 2)) {
    throw refuse(data, `${value} does not fit the ${size} bytes of field ${name}`);
  }
  return integer;
}

/** Writes a field at a byte offset behind word `start`. */
function putField(words: number[], start: number, offset: number, size: number, value: Integer): void {
  const at = start * 4 + offset;
  if (at === words.length * 4 && size >= 4) {
    words.push(low32(value));
    if (size === 8) words.push(high32(value));
    return;
  }
  for (let index = 0; index < size; index++) {
    const word = (at + index) >> 2;
    const byte = (index < 4 ? low32(value) >>> (index * 8) : high32(value) >>> ((index - 4) * 8)) & 0xff;
    words[word] = (words[word] ?? 0) | (byte << (((at + index) & 3) * 8));
  }
}

/**
 * Keeps the constant at the end of ALIGNED, from word `start`, or cuts it off and gives an equal one
 * before.
 */
function intern(data: Data, start: number, firstFixup: number): Reference {
  const { aligned, fixups } = data.image;
  let hash = 0;
  for (let index = start; index < aligned.length; index++) {
    hash = Math.imul(hash ^ (aligned[index] ?? 0), 0x9e3779b1);
  }
  for (let index = firstFixup + 2; index < fixups.length; index += FIXUP) {
    hash = Math.imul(hash ^ (fixups[index] ?? 0), 0x9e3779b1);
  }
  const fresh: Constant = { start, end: aligned.length, firstFixup, lastFixup: fixups.length };
  const candidates = data.constants.get(hash);
  if (candidates === undefined) data.constants.set(hash, [fresh]);
  else {
    for (const old of candidates) {
      if (!isSame(data.image, old, fresh)) continue;
      aligned.length = start;
      fixups.length = firstFixup;
      return reference(ALIGNED, old.start * 4);
    }
    candidates.push(fresh);
  }
  return reference(ALIGNED, start * 4);
}

function isSame(image: Image, left: Constant, right: Constant): boolean {
  const { aligned, fixups } = image;
  const size = right.end - right.start;
  const count = right.lastFixup - right.firstFixup;
  if (left.end - left.start !== size || left.lastFixup - left.firstFixup !== count) return false;
  for (let index = 0; index < size; index++) {
    if (aligned[left.start + index] !== aligned[right.start + index]) return false;
  }
  const shift = reference(0, (right.start - left.start) * 4);
  for (let index = 0; index < count; index += FIXUP) {
    const one = left.firstFixup + index;
    const two = right.firstFixup + index;
    if ((fixups[one] ?? 0) + shift !== fixups[two] || fixups[one + 2] !== fixups[two + 2]) return false;
  }
  return true;
}
