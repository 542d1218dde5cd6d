/**
 * The packing of compact programs: bytes that were there before are named by their
 * distance. Made to be undone by little machine code (compact-unpack.ts), and fast.
 *
 * A token RLLLCCCC; with LLL = 7 a byte that is added to it; LLL bytes; with CCCC > 0 and R = 0 the
 * distance less 1: 0DDDDDDD, or 1DDDDDDD DDDDDDDD, the high bits first; with CCCC = 15 a byte that is
 * added to it. CCCC + 1 bytes are copied from that distance, or with R = 1 from the one before. R = 1 with
 * CCCC = 0 is the end.
 */
import { parse } from "./compact-parse.ts";

export const REPEAT = 0x80;
export const LONGEST_LITERALS = 7;
/** The bits of a token that tell the length of a copy; all of them are the longest, too. */
export const LENGTHS = 15;
export const LONGEST_LENGTH = 15;
export const SHORTEST = 2;
export const FAR = 0x80;
const LITERALS_PLACE = 4;
/** In a byte behind a token. */
const MOST_MORE = 255;
const MOST_LITERALS = LONGEST_LITERALS + MOST_MORE;

/** No packed bytes are longer: a token, two bytes with it, and one for each part of the literals. */
const mostPacked = (length: number): number => length + 4 + Math.ceil(length / MOST_LITERALS) * 2;

/** The packed bytes. */
export function pack(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(mostPacked(bytes.length));
  let size = 0;
  let start = 0;
  /** A token with the literals up to `end`; `rest` are its other bits. */
  const putLiterals = (end: number, rest: number): void => {
    const count = end - start;
    if (count < LONGEST_LITERALS) out[size++] = (count << LITERALS_PLACE) | rest;
    else {
      out[size++] = (LONGEST_LITERALS << LITERALS_PLACE) | rest;
      out[size++] = count - LONGEST_LITERALS;
    }
    for (let at = start; at < end; at++) out[size++] = bytes[at] ?? 0;
    start = end;
  };
  /** More literals than a token can have. */
  const shorten = (end: number): void => {
    while (end - start > MOST_LITERALS) putLiterals(start + MOST_LITERALS, 0);
  };
  for (const { at, length, distance, isRepeat } of parse(bytes)) {
    const field = Math.min(length - SHORTEST + 1, LONGEST_LENGTH);
    shorten(at);
    putLiterals(at, field | (isRepeat ? REPEAT : 0));
    const far = distance - 1;
    if (!isRepeat && far < FAR) out[size++] = far;
    else if (!isRepeat) {
      out[size++] = FAR | (far >> 8);
      out[size++] = far & 0xff;
    }
    if (field === LONGEST_LENGTH) out[size++] = length - SHORTEST + 1 - LONGEST_LENGTH;
    start = at + length;
  }
  shorten(bytes.length);
  putLiterals(bytes.length, REPEAT);
  return out.slice(0, size);
}

/** What the program does when it starts, for tests. */
export function unpack(packed: Uint8Array): Uint8Array {
  const out: number[] = [];
  let at = 0;
  let distance = 0;
  const byte = (): number => packed[at++] ?? 0;
  for (;;) {
    const token = byte();
    const literals = (token >> LITERALS_PLACE) & LONGEST_LITERALS;
    for (let left = literals + (literals === LONGEST_LITERALS ? byte() : 0); left > 0; left--)
      out.push(byte());
    const field = token & LENGTHS;
    if (field === 0 && token >= REPEAT) return Uint8Array.from(out);
    if (field === 0) continue;
    if (token < REPEAT) {
      const near = byte();
      distance = near < FAR ? near + 1 : ((near - FAR) << 8) + byte() + 1;
    }
    const length = field + SHORTEST - 1 + (field === LONGEST_LENGTH ? byte() : 0);
    for (let left = length; left > 0; left--) out.push(out[out.length - distance] ?? 0);
  }
}
