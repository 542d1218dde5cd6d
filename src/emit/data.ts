/** Where the plan's data lies: constants (equal ones once), structs that are written to, slots and buffers. */
import { HutchError } from "../linux/error.ts";
import type {
  Argument,
  Bytes,
  Buffer as PlanBuffer,
  Slot,
  SlotAddress,
  Step,
  Strings,
  Struct,
} from "../plan/step.ts";
import { high32, type Integer, low32 } from "./assembler.ts";
import {
  ALIGNED,
  BUFFERS,
  BYTES,
  DATA,
  FIXUP,
  type Image,
  POINTER,
  type Reference,
  reference,
  SECTION_LIMIT,
  SLOTS,
  TEXT,
} from "./image.ts";

/** What was placed so far. */
export interface Data {
  readonly image: Image;
  /** Are texts measured in UTF-8? Else all are taken to be ASCII, which is checked when they are encoded. */
  readonly isExact: boolean;
  readonly texts: Map<string, Reference>;
  /** Constants of ALIGNED by a hash of their words. */
  readonly constants: Map<number, Constant[]>;
  readonly structs: Map<Struct, Reference>;
  readonly blobs: Map<Uint8Array, Reference>;
  readonly slots: Map<string, number>;
  readonly buffers: Map<string, { readonly size: number; readonly place: Reference }>;
  /** The step being emitted, for errors. */
  step: Step | undefined;
  index: number;
}

/** A range of words in ALIGNED and the range of the fix-ups inside. */
interface Constant {
  readonly start: number;
  readonly end: number;
  readonly firstFixup: number;
  readonly lastFixup: number;
}

export function createData(image: Image, isExact: boolean): Data {
  return {
    image,
    isExact,
    texts: new Map(),
    constants: new Map(),
    structs: new Map(),
    blobs: new Map(),
    slots: new Map(),
    buffers: new Map(),
    step: undefined,
    index: -1,
  };
}

/** The error for a plan that means nothing, with the step at fault. */
export function refuse(data: Data, reason: string): HutchError {
  const { step, index } = data;
  if (step === undefined) return new HutchError({ operation: "emit program", reason });
  const what = step.kind === "call" ? `${step.name}: ${step.why}` : step.kind;
  return new HutchError({ operation: `emit step ${index} (${what})`, reason });
}

const TOO_LARGE = "the plan holds more than 64 MiB of data";

function checkSize(data: Data, size: number): void {
  if (size > SECTION_LIMIT) throw refuse(data, TOO_LARGE);
}

/** The number of a slot. */
export function slotNumber(data: Data, slot: Slot): number {
  const known = data.slots.get(slot.name);
  if (known !== undefined) return known;
  const number = data.slots.size;
  data.slots.set(slot.name, number);
  data.image.slotsSize = number * 8 + 8;
  return number;
}

/** The place of a buffer; two sizes under one name are a HutchError. */
export function bufferPlace(data: Data, buffer: PlanBuffer): Reference {
  const known = data.buffers.get(buffer.name);
  if (known !== undefined) {
    if (known.size === buffer.size) return known.place;
    throw refuse(data, `buffer ${buffer.name} has ${known.size} bytes elsewhere and ${buffer.size} here`);
  }
  if (!Number.isInteger(buffer.size) || buffer.size < 1) {
    throw refuse(data, `buffer ${buffer.name} has a size of ${buffer.size}`);
  }
  const place = reference(BUFFERS, data.image.buffersSize);
  data.image.buffersSize += Math.ceil(buffer.size / 8) * 8;
  checkSize(data, data.image.buffersSize);
  data.buffers.set(buffer.name, { size: buffer.size, place });
  return place;
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

/** The NUL-terminated bytes of a string; strings that have none in UTF-8 or in C are a HutchError. */
export function placeText(data: Data, text: string): Reference {
  const known = data.texts.get(text);
  if (known !== undefined) return known;
  if (text.includes("\0")) throw refuse(data, `${JSON.stringify(text)} contains a NUL character`);
  const place = addText(data, text);
  data.texts.set(text, place);
  return place;
}

/** Appends a text that may hold NULs. */
export function addText(data: Data, text: string): Reference {
  const { image } = data;
  const offset = image.textSize;
  image.texts.push(text);
  image.textSize = offset + (data.isExact ? utf8Length(data, text) : text.length) + 1;
  if (image.textSize > SECTION_LIMIT) throw refuse(data, TOO_LARGE);
  return reference(TEXT, offset);
}

// Functions of their own, because the first call of one that only mentions Buffer costs 0.2 ms.

function utf8Length(data: Data, text: string): number {
  if (!text.isWellFormed()) throw refuse(data, `${JSON.stringify(text)} is not Unicode`);
  return Buffer.byteLength(text);
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

export function placeBytes(data: Data, bytes: Uint8Array): Reference {
  const known = data.blobs.get(bytes);
  if (known !== undefined) return known;
  for (const [blob, place] of data.blobs) {
    if (blob.length === bytes.length && isEqual(blob, bytes)) return place;
  }
  const { image } = data;
  const place = reference(BYTES, image.bytesSize);
  image.blobs.push(bytes);
  image.bytesSize += Math.ceil(bytes.length / 8) * 8;
  checkSize(data, image.bytesSize);
  data.blobs.set(bytes, place);
  return place;
}

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

/** Keeps the constant at the end of ALIGNED, from word `start`, or cuts it off and gives an equal one before. */
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
