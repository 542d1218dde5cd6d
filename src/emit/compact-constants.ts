/** The constants of a compact program: they follow its instructions, and equal ones are there once. */
import { HutchError } from "../linux/error.ts";
import { MOST_BYTES } from "./compact-format.ts";

/** A place in the program: in its constants, or in memory that is zero at first; offsets in bytes. */
export interface Place {
  readonly in: "constants" | "memory" | "slots";
  readonly offset: number;
}

/** Of an address. */
export const POINTER_SIZE = 8;

/** A place among the constants that holds an address. */
interface Pointer {
  readonly at: number;
  readonly to: Place;
}

/** What tells constants of the same bytes apart: a place of one is not handed out for the other. */
export const KIND = { bytes: 1, list: 2, strings: 3, struct: 4, hints: 5 } as const;

/** A constant that is no text, with the pointers inside of it: its place among `pointers`. */
interface Constant {
  readonly kind: number;
  readonly place: Place;
  readonly end: number;
  readonly firstPointer: number;
  readonly endPointer: number;
  /** Another one whose hash is the same. */
  readonly next: Constant | undefined;
}

export interface Constants {
  readonly constants: Uint8Array;
  /** So many of the bytes are in use. */
  size: number;
  readonly pointers: Pointer[];
  readonly texts: Map<string, Place>;
  /** By a hash of kind, bytes and pointers. */
  readonly known: Map<number, Constant>;
}

export const createConstants = (): Constants => ({
  constants: new Uint8Array(MOST_BYTES),
  size: 0,
  pointers: [],
  texts: new Map(),
  known: new Map(),
});

/** Tells that a plan does not fit the compact form, which then is not for it. */
export const tooLarge = (what: string): RangeError => new RangeError(`the plan has too many ${what}`);

/** The place of so many bytes behind the constants, which are zero yet. */
export function extend(data: Constants, size: number): number {
  const start = data.size;
  if (start + size > MOST_BYTES) throw tooLarge("bytes");
  data.size = start + size;
  return start;
}

function isSame({ constants, pointers }: Constants, one: Constant, other: Constant): boolean {
  const start = one.place.offset;
  const shift = other.place.offset - start;
  const shiftPointer = other.firstPointer - one.firstPointer;
  if (one.kind !== other.kind || one.end + shift !== other.end) return false;
  if (one.endPointer + shiftPointer !== other.endPointer) return false;
  for (let at = start; at < one.end; at++) if (constants[at] !== constants[at + shift]) return false;
  for (let index = one.firstPointer; index < one.endPointer; index++) {
    const [left, right] = [pointers[index], pointers[index + shiftPointer]];
    if (left === undefined || right === undefined || left.at + shift !== right.at) return false;
    if (left.to.in !== right.to.in || left.to.offset !== right.to.offset) return false;
  }
  return true;
}

/** The constant from `start` to the end; where there is an equal one, that, and the new one is taken away. */
export function intern(
  data: Constants,
  kind: number,
  start: number,
  firstPointer = data.pointers.length,
): Place {
  const { constants, pointers, known, size } = data;
  let hash = kind;
  for (let at = start; at < size; at++) hash = Math.imul(hash ^ (constants[at] ?? 0), 0x9e3779b1);
  for (let index = firstPointer; index < pointers.length; index++)
    hash = Math.imul(hash ^ (pointers[index]?.to.offset ?? 0), 0x9e3779b1);
  const next = known.get(hash);
  const fresh: Constant = {
    kind,
    place: { in: "constants", offset: start },
    end: size,
    firstPointer,
    endPointer: pointers.length,
    next,
  };
  for (let old = next; old !== undefined; old = old.next) {
    if (!isSame(data, old, fresh)) continue;
    constants.fill(0, start, size);
    data.size = start;
    pointers.length = firstPointer;
    return old.place;
  }
  known.set(hash, fresh);
  return fresh.place;
}

const utf8 = new TextEncoder();
const LAST_ASCII = 0x7f;

export function appendBytes(data: Constants, bytes: ArrayLike<number>): number {
  const start = extend(data, bytes.length);
  data.constants.set(bytes, start);
  return start;
}

/** A text and its NUL. */
export function appendText(data: Constants, text: string): number {
  const { constants } = data;
  const start = extend(data, text.length + 1);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0 || unit > LAST_ASCII) {
      constants.fill(0, start, start + index);
      data.size = start;
      return appendBytes(data, encodeText(text));
    }
    constants[start + index] = unit;
  }
  return start;
}

function encodeText(text: string): Uint8Array {
  if (!text.includes("\0") && text.isWellFormed()) return utf8.encode(`${text}\0`);
  throw new HutchError({
    operation: "emit compact program",
    reason: `${JSON.stringify(text)} is no C string`,
  });
}

/** Equal constants are there once. */
export function placeText(data: Constants, text: string): Place {
  const known = data.texts.get(text);
  if (known !== undefined) return known;
  const place: Place = { in: "constants", offset: appendText(data, text) };
  data.texts.set(text, place);
  return place;
}
