/** The cheapest way to pack bytes (compact-lz.ts): which of them are copied, and from where. */

export interface Copy {
  readonly at: number;
  readonly length: number;
  readonly distance: number;
  /** The distance is that of the copy before. */
  readonly isRepeat: boolean;
}

/** What is told in the token, and the most that can be told. */
const SHORTEST = 2;
const LONGEST_IN_TOKEN = 15;
export const LONGEST = 271;
const NEAREST_FAR = 129;
export const FARTHEST = 0x8000;
const LITERALS_IN_TOKEN = 6;
/** So many places with the same three bytes are looked at. */
const TRIES = 8;
const HASH_BITS = 13;
const PAIRS = 1 << 12;
/** Inside of a copy that is longer no other one is looked for. */
const LONG = 12;
/** By so much a copy is shortened at most, for a better one behind it. */
const MOST_CUT = 3;
const FAR_TOO_MUCH = 0x3fffffff;

/** Of two ways of one size the one with fewer copies is faster. */
const BYTE = 8;
const COPY = 1;

/**
 * The cheapest ways to each place, behind literals and behind a copy. Of the one: how many literals there are
 * at its end. Of the other: what it costs, the distance of the copy, and how long that is, negative for a
 * repeat; twice that, and 1 more where literals come before it.
 */
interface Ways {
  readonly literalCount: Int32Array;
  readonly copyCost: Int32Array;
  readonly copyDistance: Uint16Array;
  readonly copyLength: Int16Array;
}

/** What was found out about bytes. */
interface Search {
  readonly ways: Ways;
  /** Where two bytes, and three, were last; and where those three were before. */
  readonly pairs: Int32Array;
  readonly heads: Int32Array;
  readonly before: Int32Array;
}

const createSearch = (capacity: number): Search => ({
  ways: {
    literalCount: new Int32Array(capacity + 1),
    copyCost: new Int32Array(capacity + 1),
    copyDistance: new Uint16Array(capacity + 1),
    copyLength: new Int16Array(capacity + 1),
  },
  pairs: new Int32Array(PAIRS),
  heads: new Int32Array(1 << HASH_BITS),
  before: new Int32Array(capacity),
});

/** Nothing is known yet. */
function clear(search: Search, length: number): void {
  const { ways, pairs, heads } = search;
  ways.literalCount[0] = 0;
  ways.copyDistance[0] = 0;
  ways.copyCost[0] = 0;
  ways.copyCost.fill(FAR_TOO_MUCH, 1, length + 1);
  pairs.fill(-1);
  heads.fill(-1);
}

function sameLength(bytes: Uint8Array, place: number, at: number): number {
  const most = Math.min(LONGEST, bytes.length - at);
  let same = 0;
  while (same < most && bytes[place + same] === bytes[at + same]) same++;
  return same;
}

/**
 * Copies from `at` of every length from `most` down to `least`, by what they cost but for the byte that a long
 * one takes. `told` is what is kept of each: so much for a byte of length (2, or −2 for a repeat), and the rest.
 */
function putCopies(
  { copyCost, copyLength, copyDistance }: Ways,
  at: number,
  most: number,
  least: number,
  start: number,
  told: 2 | -2,
  behindLiteral: number,
  distance: number,
): void {
  for (let size = most; size >= least; size--) {
    const cost = size > LONGEST_IN_TOKEN ? start + BYTE : start;
    if (cost >= (copyCost[at + size] ?? 0)) continue;
    copyCost[at + size] = cost;
    copyLength[at + size] = told * size + behindLiteral;
    copyDistance[at + size] = distance;
  }
}

/** Looks through the bytes; returns what the way behind literals to the end costs. */
function goThrough(bytes: Uint8Array, all: Search): number {
  const { ways, pairs, heads, before } = all;
  const { literalCount, copyCost, copyDistance } = ways;
  const { length } = bytes;
  // Of the way behind literals: what it costs, the distance that a repeat would have, and how many there are.
  let literalCost = FAR_TOO_MUCH;
  let literalDistance = 0;
  let count = 0;
  // The longest of the last place: what it was copied from still goes on here.
  let last = 0;
  let lastDistance = 0;
  let repeat = 0;
  let repeatDistance = 0;
  for (let at = 0; at < length; at++) {
    const copied = copyCost[at] ?? 0;
    // The last byte alone is no copy.
    if (at + 1 < length) {
      const one = bytes[at] ?? 0;
      const two = bytes[at + 1] ?? 0;
      const three = at + 2 < length ? (bytes[at + 2] ?? 0) : 0;
      if (literalDistance !== 0) {
        const place = at - literalDistance;
        if (repeat > SHORTEST && repeat < LONGEST && repeatDistance === literalDistance) repeat--;
        else repeat = bytes[place] === one && bytes[place + 1] === two ? sameLength(bytes, place, at) : 0;
        repeatDistance = literalDistance;
        const least = Math.max(SHORTEST, repeat - MOST_CUT);
        putCopies(ways, at, repeat, least, literalCost + BYTE + COPY, -2, 1, literalDistance);
      }
      const pair = (one << 8) | two;
      const hash = Math.imul((pair << 8) | three, 0x9e3779b1) >>> (32 - HASH_BITS);
      const behindLiteral = literalCost < copied ? 1 : 0;
      const start = Math.min(literalCost, copied) + 2 * BYTE + COPY;
      let longest = SHORTEST - 1;
      let distance = 0;
      const pairHash = (pair ^ (pair >> 6)) & (PAIRS - 1);
      let place = pairs[pairHash] ?? -1;
      // Far away it costs more than its bytes.
      if (place >= 0 && at - place < NEAREST_FAR && bytes[place] === one && bytes[place + 1] === two) {
        longest = SHORTEST;
        putCopies(ways, at, longest, longest, start, 2, behindLiteral, at - place);
      }
      pairs[pairHash] = at;
      place = heads[hash] ?? -1;
      before[at] = place;
      heads[hash] = at;
      if (last > LONG) place = at - lastDistance;
      for (let tries = 0; place >= 0 && tries < TRIES; tries++, place = before[place] ?? -1) {
        if (at + longest >= length) break;
        if (bytes[place + longest] !== bytes[at + longest] || at - place > FARTHEST) continue;
        const same = at - place === lastDistance && last > 1 ? last - 1 : sameLength(bytes, place, at);
        if (same <= longest) continue;
        distance = at - place;
        const cost = start + (distance < NEAREST_FAR ? 0 : BYTE);
        putCopies(ways, at, same, Math.max(longest + 1, same - MOST_CUT), cost, 2, behindLiteral, distance);
        longest = same;
        if (last > LONG) break;
      }
      last = longest;
      lastDistance = distance;
    }
    const more = literalCost + (count === LITERALS_IN_TOKEN ? 2 * BYTE : BYTE);
    const isMore = more < copied + BYTE;
    literalCost = isMore ? more : copied + BYTE;
    if (!isMore) literalDistance = copyDistance[at] ?? 0;
    count = isMore ? count + 1 : 1;
    literalCount[at + 1] = count;
  }
  return literalCost;
}

/** Memory of searches whose result is used at once. */
let scratch = createSearch(1 << 14);

/** What is copied, in its order; the rest are literals. */
export function parse(bytes: Uint8Array): Copy[] {
  const { length } = bytes;
  if (scratch.before.length < length) scratch = createSearch(length);
  clear(scratch, length);
  const literalCost = goThrough(bytes, scratch);
  const { literalCount, copyCost, copyDistance, copyLength } = scratch.ways;
  const copies: Copy[] = [];
  let end = length;
  let isLiteral = literalCost < (copyCost[end] ?? 0);
  while (end > 0) {
    if (isLiteral) end -= literalCount[end] ?? 0;
    if (end === 0) break;
    const told = copyLength[end] ?? 0;
    const isRepeat = told < 0;
    isLiteral = (told & 1) === 1;
    const size = Math.abs(told >> 1);
    copies.push({ at: end - size, length: size, distance: copyDistance[end] ?? 0, isRepeat });
    end -= size;
  }
  return copies.reverse();
}
