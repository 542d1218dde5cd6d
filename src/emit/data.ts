/** Where the data of a plan lies: texts and other constants, equal ones once; slots and buffers. */
import { HutchError } from "../linux/error.ts";
import type { Buffer as PlanBuffer, Slot, Step, Struct } from "../plan/step.ts";
import type { Integer } from "./assembler.ts";
import { BUFFERS, BYTES, type Image, type Reference, reference, SECTION_LIMIT, TEXT } from "./image.ts";

/** What was placed so far. */
export interface Data {
  readonly image: Image;
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
export interface Constant {
  readonly start: number;
  readonly end: number;
  readonly firstFixup: number;
  readonly lastFixup: number;
}

export function createData(image: Image): Data {
  return {
    image,
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

/** Throws HutchError for a section that is too large. */
export function checkSize(data: Data, size: number): void {
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

/** What is not certainly one byte in UTF-8 and no NUL. */
const UNUSUAL = /[^ -~]/;

/** The NUL-terminated bytes of a string; strings that have none in UTF-8 or in C are a HutchError. */
export function placeText(data: Data, text: string): Reference {
  const known = data.texts.get(text);
  if (known !== undefined) return known;
  const { image } = data;
  const offset = image.textSize;
  image.textSize = offset + (UNUSUAL.test(text) ? measure(data, text) : text.length) + 1;
  if (image.textSize > SECTION_LIMIT) throw refuse(data, TOO_LARGE);
  image.texts.push(text);
  const place = reference(TEXT, offset);
  data.texts.set(text, place);
  return place;
}

/** The length in UTF-8. */
function measure(data: Data, text: string): number {
  if (text.includes("\0")) throw refuse(data, `${JSON.stringify(text)} contains a NUL character`);
  if (!text.isWellFormed()) throw refuse(data, `${JSON.stringify(text)} is not Unicode`);
  return new TextEncoder().encode(text).length;
}

// A function of its own, because the first call of one that only mentions Buffer costs 0.2 ms.
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
