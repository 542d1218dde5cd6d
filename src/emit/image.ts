/**
 * A program while it is made: its sections, the places that jump or point somewhere, and the list of those
 * places (fix-ups), which are filled in when every section has its address.
 */
import { HutchError } from "../linux/error.ts";
import { type Arena, createArena, put32 } from "./arena.ts";

/** The sections in the order of their addresses; LABEL is a place in CODE that is known only by number yet. */
export const CODE = 0;
/** Constants with pointers and other data that wants an alignment of 8. */
export const ALIGNED = 1;
/** Names of system calls for the reporter, apart so that 16 bits can tell them. */
export const NAMES = 2;
export const TEXT = 3;
/** Structs that the program writes into; here the writable segment begins. */
export const DATA = 4;
export const SLOTS = 5;
export const BUFFERS = 6;
export const LABEL = 7;

/** A section and an offset in it (for LABEL: the label's number) in one integer. */
export type Reference = number;

export function reference(section: number, offset: number): Reference {
  return offset * 8 + section;
}

/** The absolute address in 4 bytes. */
export const WORD = 0;
/** The absolute address in 8 bytes. */
export const POINTER = 1;
/** Kinds of fix-up from here on belong to the architecture. */
export const FIRST_OWN_KIND = 2;

const UNBOUND = 0xffffffff;
const FIXUP_SIZE = 12;

export interface Image {
  readonly code: Arena;
  readonly aligned: Arena;
  readonly names: Arena;
  readonly text: Arena;
  readonly data: Arena;
  /** Sizes in bytes of the sections that the file does not hold. */
  slotsSize: number;
  buffersSize: number;
  /** Triples of 32 bits: place, kind, target. */
  readonly fixups: Arena;
  /** Offsets in the code by label number. */
  readonly labels: Arena;
}

export function createImage(): Image {
  return {
    code: createArena(8192),
    aligned: createArena(2048),
    names: createArena(512),
    text: createArena(8192),
    data: createArena(512),
    slotsSize: 0,
    buffersSize: 0,
    fixups: createArena(8192),
    labels: createArena(1024),
  };
}

/** Notes that `place` is to be filled in with where `target` is. */
export function addFixup(image: Image, place: Reference, kind: number, target: Reference): void {
  put32(image.fixups, place);
  put32(image.fixups, kind);
  put32(image.fixups, target);
}

/** A new label, to be bound later. */
export function createLabel(image: Image): number {
  put32(image.labels, UNBOUND);
  return image.labels.length / 4 - 1;
}

/** The offset in the code where a label is bound, or −1. */
export function labelOffset(image: Image, label: number): number {
  const offset = image.labels.view.getUint32(label * 4, true);
  return offset === UNBOUND ? -1 : offset;
}

/** Binds a label to the end of the code. */
export function bindLabel(image: Image, label: number): void {
  image.labels.view.setUint32(label * 4, image.code.length, true);
}

/** Writes the distance or address of `target` to a place; false when the encoding cannot reach it. */
export type Patch = (view: DataView, at: number, kind: number, place: number, target: number) => boolean;

/** The section that holds file bytes, by number. */
export function sectionArena(image: Image, section: number): Arena {
  switch (section) {
    case CODE:
      return image.code;
    case ALIGNED:
      return image.aligned;
    case NAMES:
      return image.names;
    case TEXT:
      return image.text;
    default:
      return image.data;
  }
}

/** Fills in every fix-up; `bases` are the addresses of the sections. False when `patch` cannot reach a target. */
export function resolve(image: Image, bases: readonly number[], patch: Patch): boolean {
  const list = image.fixups.view;
  for (let at = 0; at < image.fixups.length; at += FIXUP_SIZE) {
    const place = list.getUint32(at, true);
    const kind = list.getUint32(at + 4, true);
    const target = list.getUint32(at + 8, true);
    const address = targetAddress(image, bases, target);
    const section = place & 7;
    const offset = place >>> 3;
    const view = sectionArena(image, section).view;
    if (kind === WORD) view.setUint32(offset, address, true);
    else if (kind === POINTER) view.setBigUint64(offset, BigInt(address), true);
    else if (!patch(view, offset, kind, (bases[section] ?? 0) + offset, address)) return false;
  }
  return true;
}

function targetAddress(image: Image, bases: readonly number[], target: Reference): number {
  const section = target & 7;
  const offset = target >>> 3;
  if (section !== LABEL) return (bases[section] ?? 0) + offset;
  const bound = labelOffset(image, offset);
  // Labels of the plan are checked by name before; this one would be a mistake of the emitter itself.
  if (bound < 0) throw new HutchError({ operation: "emit program", reason: `label ${offset} is not bound` });
  return (bases[CODE] ?? 0) + bound;
}
