/**
 * A program while it is made: its sections, the places that jump or point somewhere, and the list of those
 * places (fix-ups), which are filled in when every section has its address.
 *
 * Most programs are made by a JavaScript engine that has just started and interprets every line. So sections
 * are plain arrays that grow by `push` (one call for an instruction), and texts stay strings until the end,
 * when all are encoded at once.
 */
import { HutchError } from "../linux/error.ts";

/** The sections in the order of their addresses. */
export const CODE = 0;
/** Constant structs and arrays of pointers. */
export const ALIGNED = 1;
export const BYTES = 2;
export const TEXT = 3;
/** Structs that the program writes into; here the writable segment begins. */
export const DATA = 4;
export const SLOTS = 5;
export const BUFFERS = 6;
/** Where the reporter puts its line together; last, because its size is known last. */
export const LINE = 7;
/** A place in CODE that is known only by the number of a label yet. */
export const LABEL = 8;

/** The routines that are part of every program; they lie right before CODE. */
export const ROUTINES = 9;
/** What is told of later, by its number, to code that is emitted once for many programs. */
export const LATER = 10;

/** A section and an offset in bytes (for LABEL: the label's number) in one integer. */
export type Reference = number;

export function reference(section: number, offset: number): Reference {
  return offset * 16 + section;
}

/** No section is larger, so that a Reference fits 31 bits, and an offset with flags 32; in bytes. */
export const SECTION_LIMIT = 2 ** 26;

/** The absolute address in 4 bytes. */
export const WORD = 0;
/** The absolute address in 8 bytes. */
export const POINTER = 1;
/** Kinds of fix-up from here on belong to the architecture. */
export const FIRST_OWN_KIND = 2;

/** Length of an entry in `fixups`. */
export const FIXUP = 3;

const UNBOUND = -1;

export interface Image {
  routines: Uint8Array;
  /** Bytes, or words of 32 bits when `unit` is 4. */
  readonly code: number[];
  readonly unit: 1 | 4;
  /** Words of 32 bits. */
  readonly aligned: number[];
  readonly data: number[];
  readonly blobs: Uint8Array[];
  /** NUL-terminated texts, without the NUL. */
  readonly texts: string[];
  /** Sizes in bytes of what is not counted by an array. */
  bytesSize: number;
  textSize: number;
  slotsSize: number;
  buffersSize: number;
  lineSize: number;
  /** Place, kind, target; and again. */
  readonly fixups: number[];
  /** Offsets in the code by label number. */
  readonly labels: number[];
  /** Jumps ahead, by their number, that are known to be near; there is none in code that is emitted once. */
  readonly near: ReadonlySet<number>;
  /** The fix-ups of jumps ahead, by their number. */
  readonly ahead: number[];
}

export function createImage(unit: 1 | 4, near: ReadonlySet<number> = new Set()): Image {
  return {
    routines: new Uint8Array(0),
    code: [],
    unit,
    aligned: [],
    data: [],
    blobs: [],
    texts: [],
    bytesSize: 0,
    textSize: 0,
    slotsSize: 0,
    buffersSize: 0,
    lineSize: 0,
    fixups: [],
    labels: [],
    near,
    ahead: [],
  };
}

/** A new label, to be bound later. */
export function createLabel(image: Image): number {
  return image.labels.push(UNBOUND) - 1;
}

/** A label bound here: the head of a loop. */
export function boundLabel(image: Image): number {
  return image.labels.push(image.code.length * image.unit) - 1;
}

/** Binds a label to the end of the code. */
export function bindLabel(image: Image, label: number): void {
  image.labels[label] = image.code.length * image.unit;
}

/** The offset in the code where a label is bound; negative when it is not yet. */
export function labelOffset(image: Image, label: number): number {
  return image.labels[label] ?? UNBOUND;
}

/** Writes the distance or address of `target` to a place; false when the encoding cannot reach it. */
export type Patch = (view: DataView, at: number, kind: number, place: number, target: number) => boolean;

/** Where the sections are, by number: in the file, and in memory. */
export interface Layout {
  readonly offsets: readonly number[];
  readonly addresses: readonly number[];
}

/** Fills in the fix-ups of a list in the file; false when `patch` cannot reach a target. */
export function resolve(
  image: Image,
  fixups: readonly number[],
  view: DataView,
  { offsets, addresses }: Layout,
  patch: Patch,
): boolean {
  for (let index = 0; index < fixups.length; index += FIXUP) {
    const place = fixups[index] ?? 0;
    const kind = fixups[index + 1] ?? 0;
    const target = fixups[index + 2] ?? 0;
    const section = target & 15;
    const address =
      section === LABEL ? labelAddress(image, addresses, target) : (addresses[section] ?? 0) + (target >> 4);
    const at = (offsets[place & 15] ?? 0) + (place >> 4);
    // The upper half of a pointer is zero already: no address has more than 31 bits.
    if (kind < FIRST_OWN_KIND) view.setInt32(at, address, true);
    else if (!patch(view, at, kind, (addresses[place & 15] ?? 0) + (place >> 4), address)) return false;
  }
  return true;
}

function labelAddress(image: Image, addresses: readonly number[], target: Reference): number {
  const offset = labelOffset(image, target >> 4);
  // Labels of the plan are checked by name before; this one would be a mistake of the emitter itself.
  if (offset < 0)
    throw new HutchError({ operation: "emit program", reason: `label ${target >> 4} is not bound` });
  return (addresses[CODE] ?? 0) + offset;
}
