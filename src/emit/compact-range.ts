/**
 * The packing of the texts of compact programs: they are unpacked only when something fails, and so take less
 * space and more time than compact-lz.ts. Bits are coded by a range coder (G. N. N. Martin, "Range encoding:
 * an algorithm for removing redundancy from a digitised message", 1979) that parts its range as the bits of
 * the same cell were before.
 *
 * A bit of the cell of the byte before, among KINDS, says whether a copy follows. A literal is a byte, among
 * LITERALS by the upper half of the byte before. A copy is a byte that tells its rank, and one that tells its
 * length: it comes from a place behind the same byte as this one, and the rank counts those places backwards.
 * The cell of each bit of a byte, the highest first, is numbered by a 1 and the bits before it.
 */
import {
  createSearch,
  SHORTEST_COPY,
  searchTexts,
  type TextSearch,
  takeSearch,
} from "./compact-range-parse.ts";

/** The cells of one byte. */
export const BYTE_CELLS = 256;
export const KINDS = 0;
/** Behind the last byte's bits there is room: the cells of KINDS begin here. */
export const FIRST_KIND = BYTE_CELLS / 2;
export const RANKS = BYTE_CELLS;
export const LENGTHS = 2 * BYTE_CELLS;
export const LITERALS = 3 * BYTE_CELLS;
export const CELLS = LITERALS + 16 * BYTE_CELLS;
/** Two counts of 4 bytes each. */
export const CELL_SIZE = 8;
/** A count grows by this, and begins with half of it (R. Krichevsky, V. Trofimov, 1981). */
export const COUNT = 2;

/** No range is smaller when a bit is coded. */
export const SMALLEST_RANGE = 2 ** 23;
/** The bytes that the range takes up at first: read before the first bit. */
const FIRST_BYTES = 3;

/** Texts that were packed; more of them may follow. */
export interface PackedTexts {
  readonly search: TextSearch;
  /** How often the bits of each cell were 0, and how often they were 1. */
  readonly counts: Int32Array;
  /** The range of all that begins like the texts: its beginning, behind the bytes, and its size. */
  low: number;
  range: number;
  bytes: Uint8Array;
  size: number;
}

const noTexts = (capacity: number): PackedTexts => ({
  search: createSearch(capacity),
  counts: new Int32Array(2 * CELLS),
  low: 0,
  range: 2 ** (8 * FIRST_BYTES),
  bytes: new Uint8Array(0),
  size: 0,
});

const NOTHING = noTexts(0);

function take(texts: PackedTexts, begun: PackedTexts, length: number): void {
  takeSearch(texts.search, begun.search, length);
  texts.counts.set(begun.counts);
  const most = begun.size + length - begun.search.length;
  if (texts.bytes.length < most) texts.bytes = new Uint8Array(most);
  texts.bytes.set(begun.bytes.subarray(0, begun.size));
  texts.size = begun.size;
  texts.low = begun.low;
  texts.range = begun.range;
}

/** Adds one to the number that the bytes are. */
function carry({ bytes, size }: PackedTexts): void {
  let at = size - 1;
  for (; bytes[at] === 0xff; at--) bytes[at] = 0;
  bytes[at] = (bytes[at] ?? 0) + 1;
}

/** Writes the first byte of the range, which is known. */
function shift(texts: PackedTexts): void {
  if (texts.size === texts.bytes.length) {
    const { bytes } = texts;
    texts.bytes = new Uint8Array(2 * bytes.length + 64);
    texts.bytes.set(bytes);
  }
  if (texts.low >= 2 ** 32) carry(texts);
  texts.bytes[texts.size++] = texts.low >>> 24;
  texts.low = (texts.low & 0xffffff) * 256;
}

function putBit(texts: PackedTexts, cell: number, bit: number): void {
  const { counts, range } = texts;
  const zeros = counts[2 * cell] ?? 0;
  const ones = counts[2 * cell + 1] ?? 0;
  const part = Math.imul((range / (zeros + ones + COUNT)) | 0, zeros + 1);
  let rest = part;
  if (bit === 1) {
    rest = range - part;
    texts.low += part;
    counts[2 * cell + 1] = ones + COUNT;
  } else counts[2 * cell] = zeros + COUNT;
  for (; rest < SMALLEST_RANGE; rest <<= 8) shift(texts);
  texts.range = rest;
}

function putByte(texts: PackedTexts, cells: number, byte: number): void {
  let node = 1;
  for (let place = 7; place >= 0; place--) {
    const bit = (byte >> place) & 1;
    putBit(texts, cells + node, bit);
    node = node * 2 + bit;
  }
}

function putLiterals(texts: PackedTexts, all: Uint8Array, start: number, end: number): void {
  let last = start > 0 ? (all[start - 1] ?? 0) : 0;
  for (let at = start; at < end; at++) {
    putBit(texts, KINDS + FIRST_KIND + last, 0);
    const byte = all[at] ?? 0;
    putByte(texts, LITERALS + (last >> 4) * BYTE_CELLS, byte);
    last = byte;
  }
}

/** Packs the bytes that come behind those of the texts. */
function put(texts: PackedTexts, all: Uint8Array): void {
  let start = texts.search.length;
  for (const { at, length, rank } of searchTexts(texts.search, all)) {
    putLiterals(texts, all, start, at);
    putBit(texts, KINDS + FIRST_KIND + (at > 0 ? (all[at - 1] ?? 0) : 0), 1);
    putByte(texts, RANKS, rank - 1);
    putByte(texts, LENGTHS, length - SHORTEST_COPY);
    start = at + length;
  }
  putLiterals(texts, all, start, all.length);
}

/** Packs what comes behind texts that were packed, which stay as they are. `all` are the bytes of both. */
export function packTexts(all: Uint8Array, begun: PackedTexts = NOTHING): PackedTexts {
  const texts = noTexts(all.length);
  take(texts, begun, all.length);
  put(texts, all);
  return texts;
}

/** Memory of texts that are finished at once. */
const scratch = noTexts(1 << 14);

/** The packed bytes of all texts, of which the beginning was packed before. */
export function finishTexts(all: Uint8Array, begun: PackedTexts = NOTHING): Uint8Array {
  take(scratch, begun, all.length);
  put(scratch, all);
  for (let place = 0; place < 4; place++) shift(scratch);
  // The range began with fewer bytes than the first one that was written.
  return scratch.bytes.slice(4 - FIRST_BYTES, scratch.size);
}

/** What the program does when it fails, for tests; it knows the size of its texts. */
export function unpackTexts(packed: Uint8Array, size: number): Uint8Array {
  const out: number[] = [];
  const counts = new Int32Array(2 * CELLS);
  let [at, range, code] = [0, 1, 0];
  /** Bits behind those of `node`, one at least, until there are nine. */
  const takeBits = (cells: number, node: number): number => {
    let bits = node;
    do {
      for (; range < SMALLEST_RANGE; range *= 256) code = code * 256 + (packed[at++] ?? 0);
      const cell = 2 * (cells + bits);
      const [zeros, ones] = [counts[cell] ?? 0, counts[cell + 1] ?? 0];
      const part = Math.floor(range / (zeros + ones + COUNT)) * (zeros + 1);
      const bit = code < part ? 0 : 1;
      code -= bit * part;
      range = bit === 1 ? range - part : part;
      counts[cell + bit] = (bit === 1 ? ones : zeros) + COUNT;
      bits = bits * 2 + bit;
    } while (bits < BYTE_CELLS);
    return bits;
  };
  while (out.length < size) {
    const last = out.at(-1) ?? 0;
    if ((takeBits(KINDS, FIRST_KIND + last) & 1) === 0) {
      out.push(takeBits(LITERALS + (last >> 4) * BYTE_CELLS, 1) - BYTE_CELLS);
      continue;
    }
    let from = out.length;
    for (let rank = takeBits(RANKS, 1) - BYTE_CELLS + 1; rank > 0 && from > 0; ) {
      from--;
      if ((out[from - 1] ?? 0) === last) rank--;
    }
    for (let left = takeBits(LENGTHS, 1) - BYTE_CELLS + SHORTEST_COPY; left > 0; left--)
      out.push(out[from++] ?? 0);
  }
  return Uint8Array.from(out);
}
