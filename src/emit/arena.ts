import { HutchError } from "../linux/error.ts";

/** Bytes that grow at the end; `bytes` and `view` show the same memory and change when it grows. */
export interface Arena {
  bytes: Buffer<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  length: number;
}

/** No section of a program is larger (a Reference has 28 bits for the offset), in bytes. */
export const SECTION_LIMIT = 2 ** 28;

export function createArena(capacity: number): Arena {
  // An ArrayBuffer of its own: memory that Bun allocates for small typed arrays moves once a view is taken.
  const memory = new ArrayBuffer(capacity);
  return { bytes: Buffer.from(memory), view: new DataView(memory), length: 0 };
}

/** Makes room for `size` more bytes; throws HutchError beyond SECTION_LIMIT. */
export function reserve(arena: Arena, size: number): void {
  const needed = arena.length + size;
  if (needed <= arena.bytes.length) return;
  if (needed > SECTION_LIMIT) {
    throw new HutchError({ operation: "emit program", reason: "the plan holds more than 256 MiB of data" });
  }
  const grown = createArena(Math.max(needed, arena.bytes.length * 2));
  grown.bytes.set(arena.bytes.subarray(0, arena.length));
  arena.bytes = grown.bytes;
  arena.view = grown.view;
}

export function put8(arena: Arena, value: number): void {
  reserve(arena, 1);
  arena.bytes[arena.length++] = value;
}

export function put32(arena: Arena, value: number): void {
  reserve(arena, 4);
  arena.view.setUint32(arena.length, value, true);
  arena.length += 4;
}

export function putBytes(arena: Arena, bytes: Uint8Array): void {
  reserve(arena, bytes.length);
  arena.bytes.set(bytes, arena.length);
  arena.length += bytes.length;
}

/**
 * Appends the UTF-8 bytes of `text` and a NUL. Throws HutchError, naming `what`, for text that C cannot hold
 * (NUL) and for lone surrogates, which have no UTF-8 form.
 */
export function putText(arena: Arena, text: string, what: string): void {
  if (text.includes("\0")) throw new HutchError({ operation: what, reason: "contains a NUL character" });
  if (!text.isWellFormed()) throw new HutchError({ operation: what, reason: "contains a lone surrogate" });
  reserve(arena, text.length * 3 + 1);
  arena.length += arena.bytes.write(text, arena.length);
  arena.bytes[arena.length++] = 0;
}

/** Appends zeroes until the length is a multiple of `alignment`. */
export function align(arena: Arena, alignment: number): void {
  const end = Math.ceil(arena.length / alignment) * alignment;
  reserve(arena, end - arena.length);
  // What was cut off by an earlier truncation may still lie here.
  while (arena.length < end) arena.bytes[arena.length++] = 0;
}
