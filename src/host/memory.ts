/** Memory whose address does not change, for what system calls read and write. */
import { ptr } from "bun:ffi";
import { HutchError } from "../linux/error.ts";

/** A part of an arena: its address, and two views of the same bytes. */
export interface Region {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Memory that grows and never moves; it must stay referenced as long as an address in it is in use. */
export interface Arena {
  buffer: ArrayBuffer;
  /** The address of `buffer`. */
  base: number;
  /** Bytes of `buffer` that are taken. */
  used: number;
  /** The chunks before `buffer`: their addresses may still be in use. */
  readonly full: ArrayBuffer[];
}

const CHUNK = 16384;
const encoder = new TextEncoder();

/**
 * Refuses a text that would reach the kernel as another one: cut at NUL, or with lone surrogates
 * replaced.
 */
export function checkText(text: string): void {
  if (text.includes("\0")) {
    throw new HutchError({ operation: `pass ${JSON.stringify(text)} to the kernel`, reason: "contains NUL" });
  }
  if (!text.isWellFormed()) {
    throw new HutchError({
      operation: `pass ${JSON.stringify(text)} to the kernel`,
      reason: "is not well-formed Unicode",
    });
  }
}

/** The NUL-terminated UTF-8 bytes of a text; one that would reach the kernel as another text is refused. */
export function cString(text: string): Uint8Array {
  checkText(text);
  return encoder.encode(`${text}\0`);
}

/** An address inside a typed array; valid until the array is garbage or its `.buffer` is first taken. */
export function addressOf(array: Uint8Array): number {
  return array.byteLength === 0 ? 0 : ptr(array);
}

/** A new arena; `size` is what the first chunk holds, more is added when it is needed. */
export function createArena(size = CHUNK): Arena {
  const buffer = new ArrayBuffer(size);
  return { buffer, base: ptr(buffer), used: 0, full: [] };
}

/** The offset of so many bytes in the arena's current chunk. */
function take(arena: Arena, size: number, alignment: number): number {
  let offset = Math.ceil(arena.used / alignment) * alignment;
  if (offset + size > arena.buffer.byteLength) {
    arena.full.push(arena.buffer);
    arena.buffer = new ArrayBuffer(Math.max(CHUNK, size));
    arena.base = ptr(arena.buffer);
    offset = 0;
  }
  arena.used = offset + size;
  return offset;
}

/** Zeroed memory of `size` bytes. */
export function reserve(arena: Arena, size: number, alignment = 8): Region {
  const offset = take(arena, size, alignment);
  return {
    address: arena.base + offset,
    bytes: new Uint8Array(arena.buffer, offset, size),
    view: new DataView(arena.buffer, offset, size),
  };
}

/** Copies bytes into the arena; the address of the copy. */
export function putBytes(arena: Arena, bytes: Uint8Array, alignment = 8): number {
  const offset = take(arena, bytes.byteLength, alignment);
  new Uint8Array(arena.buffer, offset, bytes.byteLength).set(bytes);
  return arena.base + offset;
}

/** The address of the NUL-terminated UTF-8 bytes of a text; refuses what cString refuses. */
export function putString(arena: Arena, text: string): number {
  return putBytes(arena, cString(text), 1);
}

/** The address of a NULL-terminated array of pointers to strings: argv, envp. */
export function putStrings(arena: Arena, texts: readonly string[]): number {
  const { address, view } = reserve(arena, (texts.length + 1) * 8);
  for (const [index, text] of texts.entries()) {
    view.setBigUint64(index * 8, BigInt(putString(arena, text)), true);
  }
  return address;
}
