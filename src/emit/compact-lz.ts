/**
 * The packing of a compact program: bytes that were there before are named by their distance. Made to be
 * undone by a few dozen bytes of machine code (compact-start.ts).
 *
 * 0LLLLLLL: L + 1 bytes follow. 10LLLLLL D: L + 2 bytes from D + 1 back. 11LLLLLL D D: L + 3 bytes from D + 1
 * back, D of two bytes, little-endian.
 */

export const LONG_MATCH = 0xc0;
export const MATCH = 0x80;
export const SHORTEST_NEAR = 2;
export const SHORTEST_FAR = 3;

const LONGEST_LITERALS = 128;
const NEAR = 256;
const LENGTHS = 64;
/** So many places with the same three bytes are looked at. */
const TRIES = 24;
const HASHES = 4096;

/** The longest match at each place: near by, and anywhere before. */
interface Matches {
  readonly nearLengths: Uint8Array;
  readonly nearDistances: Uint16Array;
  readonly farLengths: Uint8Array;
  readonly farDistances: Uint16Array;
}

const LONGEST_NEAR = LENGTHS - 1 + SHORTEST_NEAR;
const LONGEST_FAR = LENGTHS - 1 + SHORTEST_FAR;

function findMatches(bytes: Uint8Array): Matches {
  const { length } = bytes;
  const heads = new Int32Array(HASHES).fill(-1);
  const before = new Int32Array(length);
  const nearLengths = new Uint8Array(length);
  const nearDistances = new Uint16Array(length);
  const farLengths = new Uint8Array(length);
  const farDistances = new Uint16Array(length);
  for (let at = 0; at + 2 < length; at++) {
    const three = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const hash = (Math.imul(three, 0x9e3779b1) >>> 20) & (HASHES - 1);
    let place = heads[hash] ?? -1;
    before[at] = place;
    heads[hash] = at;
    const most = Math.min(LONGEST_FAR, length - at);
    let near = 0;
    let far = 0;
    for (let tries = 0; place >= 0 && tries < TRIES; tries++, place = before[place] ?? -1) {
      let same = 0;
      while (same < most && bytes[place + same] === bytes[at + same]) same++;
      const distance = at - place;
      if (distance <= NEAR && same > near) {
        near = Math.min(same, LONGEST_NEAR);
        nearDistances[at] = distance;
      }
      if (same <= far) continue;
      far = same;
      farDistances[at] = distance;
      if (same === most) break;
    }
    nearLengths[at] = near;
    farLengths[at] = far;
  }
  return { nearLengths, nearDistances, farLengths, farDistances };
}

/** Bytes of a match, and of a literal with the head of a run. */
const NEAR_COST = 2;
const FAR_COST = 3;
const FIRST_LITERAL_COST = 2;
/** By so much a match is shortened at most, for a better one behind it. */
const MOST_CUT = 6;

/**
 * The cheapest way from each place to the end, found from the end: 0 for a literal, else the length of a
 * match, negative for a far one. What follows a literal needs no head for a literal more.
 */
function cheapest(
  length: number,
  { nearLengths, farLengths }: Matches,
): { afterLiteral: Int8Array; afterMatch: Int8Array } {
  const costAfterLiteral = new Int32Array(length + 1);
  const costAfterMatch = new Int32Array(length + 1);
  const afterLiteral = new Int8Array(length);
  const afterMatch = new Int8Array(length);
  for (let at = length - 1; at >= 0; at--) {
    let best = Number.MAX_SAFE_INTEGER;
    let choice = 0;
    const near = nearLengths[at] ?? 0;
    for (let size = near; size >= SHORTEST_NEAR && near - size <= MOST_CUT; size--) {
      const cost = NEAR_COST + (costAfterMatch[at + size] ?? 0);
      if (cost >= best) continue;
      best = cost;
      choice = size;
    }
    const far = farLengths[at] ?? 0;
    for (let size = far; size >= SHORTEST_FAR && far - size <= MOST_CUT; size--) {
      const cost = FAR_COST + (costAfterMatch[at + size] ?? 0);
      if (cost >= best) continue;
      best = cost;
      choice = -size;
    }
    const rest = costAfterLiteral[at + 1] ?? 0;
    costAfterLiteral[at] = Math.min(best, 1 + rest);
    afterLiteral[at] = best < 1 + rest ? choice : 0;
    costAfterMatch[at] = Math.min(best, FIRST_LITERAL_COST + rest);
    afterMatch[at] = best < FIRST_LITERAL_COST + rest ? choice : 0;
  }
  return { afterLiteral, afterMatch };
}

/** The packed bytes. */
export function pack(bytes: Uint8Array): Uint8Array {
  const matches = findMatches(bytes);
  const { afterLiteral, afterMatch } = cheapest(bytes.length, matches);
  const out: number[] = [];
  let start = 0;
  const flush = (end: number): void => {
    for (; start < end; start += LONGEST_LITERALS) {
      const part = bytes.subarray(start, Math.min(end, start + LONGEST_LITERALS));
      out.push(part.length - 1, ...part);
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const choice = (start < at ? afterLiteral[at] : afterMatch[at]) ?? 0;
    if (choice === 0) {
      at++;
      continue;
    }
    flush(at);
    const length = Math.abs(choice);
    if (choice > 0) out.push(MATCH | (length - SHORTEST_NEAR), (matches.nearDistances[at] ?? 1) - 1);
    else {
      const distance = (matches.farDistances[at] ?? 1) - 1;
      out.push(LONG_MATCH | (length - SHORTEST_FAR), distance & 0xff, distance >> 8);
    }
    at += length;
    start = at;
  }
  flush(bytes.length);
  return Uint8Array.from(out);
}

/** What the program does when it starts, for tests. */
export function unpack(packed: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < packed.length; ) {
    const token = packed[at++] ?? 0;
    if (token < MATCH) {
      for (let count = token + 1; count > 0; count--) out.push(packed[at++] ?? 0);
      continue;
    }
    const isFar = token >= LONG_MATCH;
    const distance = 1 + (packed[at] ?? 0) + (isFar ? (packed[at + 1] ?? 0) << 8 : 0);
    at += isFar ? 2 : 1;
    const length = isFar ? token - LONG_MATCH + SHORTEST_FAR : token - MATCH + SHORTEST_NEAR;
    for (let count = length; count > 0; count--) out.push(out[out.length - distance] ?? 0);
  }
  return Uint8Array.from(out);
}
