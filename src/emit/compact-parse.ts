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
 * The cheapest ways to each place, behind literals and behind a copy: what they cost, and the distance that a
 * repeat there would have. How many literals there are at the end of the one; how long the copy is at the end
 * of the other, negative for a repeat, and whether literals come before it.
 */
interface Ways {
  readonly literalCost: Int32Array;
  readonly literalDistance: Uint16Array;
  readonly literalCount: Int32Array;
  readonly copyCost: Int32Array;
  readonly copyDistance: Uint16Array;
  readonly copyLength: Int16Array;
  readonly copyBehindLiteral: Uint8Array;
}

/** What was found out about bytes; more of them may follow. */
export interface Search {
  readonly length: number;
  readonly ways: Ways;
  /** Where two bytes, and three, were last; and where those three were before. */
  readonly pairs: Int32Array;
  readonly heads: Int32Array;
  readonly before: Int32Array;
}

function createSearch(length: number): Search {
  const places = length + 1;
  return {
    length,
    ways: {
      literalCost: new Int32Array(places).fill(FAR_TOO_MUCH),
      literalDistance: new Uint16Array(places),
      literalCount: new Int32Array(places),
      copyCost: new Int32Array(places).fill(FAR_TOO_MUCH, 1),
      copyDistance: new Uint16Array(places),
      copyLength: new Int16Array(places),
      copyBehindLiteral: new Uint8Array(places),
    },
    pairs: new Int32Array(PAIRS).fill(-1),
    heads: new Int32Array(1 << HASH_BITS).fill(-1),
    before: new Int32Array(length),
  };
}

/** A search that goes on behind another one, which stays as it is. */
function continued(begun: Search, length: number): Search {
  const search = createSearch(length);
  for (const name of ["pairs", "heads", "before"] as const) search[name].set(begun[name]);
  const [from, to] = [begun.ways, search.ways];
  to.literalCost.set(from.literalCost);
  to.literalDistance.set(from.literalDistance);
  to.literalCount.set(from.literalCount);
  to.copyCost.set(from.copyCost);
  to.copyDistance.set(from.copyDistance);
  to.copyLength.set(from.copyLength);
  to.copyBehindLiteral.set(from.copyBehindLiteral);
  return search;
}

function sameLength(bytes: Uint8Array, place: number, at: number): number {
  const most = Math.min(LONGEST, bytes.length - at);
  let same = 0;
  while (same < most && bytes[place + same] === bytes[at + same]) same++;
  return same;
}

/** A literal more, or the first one. */
function putLiteral(ways: Ways, at: number): void {
  const { literalCost, literalDistance, literalCount, copyCost, copyDistance } = ways;
  const count = (literalCount[at] ?? 0) + 1;
  const more = (literalCost[at] ?? 0) + (count === LITERALS_IN_TOKEN + 1 ? 2 * BYTE : BYTE);
  const first = (copyCost[at] ?? 0) + BYTE;
  const next = at + 1;
  const isMore = more < first;
  literalCost[next] = isMore ? more : first;
  literalCount[next] = isMore ? count : 1;
  literalDistance[next] = (isMore ? literalDistance[at] : copyDistance[at]) ?? 0;
}

/** A copy to `end`, with what it costs but for its length. */
function putCopy(
  ways: Ways,
  end: number,
  start: number,
  length: number,
  distance: number,
  behindLiteral: number,
): void {
  const cost = start + (Math.abs(length) > LONGEST_IN_TOKEN ? BYTE : 0);
  if (cost >= (ways.copyCost[end] ?? 0)) return;
  ways.copyCost[end] = cost;
  ways.copyLength[end] = length;
  ways.copyDistance[end] = distance;
  ways.copyBehindLiteral[end] = behindLiteral;
}

function putRepeats(ways: Ways, bytes: Uint8Array, at: number): void {
  const distance = ways.literalDistance[at] ?? 0;
  if (distance === 0) return;
  const longest = sameLength(bytes, at - distance, at);
  const start = (ways.literalCost[at] ?? 0) + BYTE + COPY;
  for (let length = longest; length >= SHORTEST && longest - length <= MOST_CUT; length--)
    putCopy(ways, at + length, start, -length, distance, 1);
}

/**
 * Looks through bytes, or through those behind the ones that another search has been through. No copy goes
 * over the border between them, so that the same bytes and the same border give the same copies.
 */
export function search(bytes: Uint8Array, begun?: Search): Search {
  const { length } = bytes;
  const all = begun === undefined ? createSearch(length) : continued(begun, length);
  const { ways, pairs, heads, before } = all;
  const { literalCost, copyCost } = ways;
  // The longest of the last place: what it was copied from still goes on here.
  let last = 0;
  let lastDistance = 0;
  for (let at = begun?.length ?? 0; at < length; at++) {
    putLiteral(ways, at);
    putRepeats(ways, bytes, at);
    if (at + 1 >= length) break;
    const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const hash = Math.imul((pair << 8) | (bytes[at + 2] ?? 0), 0x9e3779b1) >>> (32 - HASH_BITS);
    const behindLiteral = (literalCost[at] ?? 0) < (copyCost[at] ?? 0) ? 1 : 0;
    const start = ((behindLiteral === 1 ? literalCost[at] : copyCost[at]) ?? 0) + 2 * BYTE + COPY;
    let longest = SHORTEST - 1;
    let distance = 0;
    const pairHash = (pair ^ (pair >> 6)) & (PAIRS - 1);
    let place = pairs[pairHash] ?? -1;
    // Far away it costs more than its bytes.
    if (
      place >= 0 &&
      at - place < NEAREST_FAR &&
      bytes[place] === bytes[at] &&
      bytes[place + 1] === bytes[at + 1]
    ) {
      longest = SHORTEST;
      putCopy(ways, at + SHORTEST, start, SHORTEST, at - place, behindLiteral);
    }
    pairs[pairHash] = at;
    place = heads[hash] ?? -1;
    before[at] = place;
    heads[hash] = at;
    if (last > LONG) place = at - lastDistance;
    for (let tries = 0; place >= 0 && tries < TRIES; tries++, place = before[place] ?? -1) {
      if (bytes[place + longest] !== bytes[at + longest] || at - place > FARTHEST) continue;
      const same = at - place === lastDistance && last > 1 ? last - 1 : sameLength(bytes, place, at);
      if (same <= longest) continue;
      const cost = start + (at - place < NEAREST_FAR ? 0 : BYTE);
      const shortest = Math.max(longest + 1, same - MOST_CUT);
      for (let size = same; size >= shortest; size--)
        putCopy(ways, at + size, cost, size, at - place, behindLiteral);
      longest = same;
      distance = at - place;
      if (at + same === length || last > LONG) break;
    }
    last = longest;
    lastDistance = distance;
  }
  return all;
}

/** What is copied, in its order; the rest are literals. */
export function parse(bytes: Uint8Array, begun?: Search): Copy[] {
  const { length, ways } = search(bytes, begun);
  const { literalCost, literalCount, copyCost, copyDistance, copyLength, copyBehindLiteral } = ways;
  const copies: Copy[] = [];
  let end = length;
  let isLiteral = (literalCost[end] ?? 0) < (copyCost[end] ?? 0);
  while (end > 0) {
    if (isLiteral) end -= literalCount[end] ?? 0;
    isLiteral = false;
    if (end === 0) break;
    const signed = copyLength[end] ?? 0;
    const size = Math.abs(signed);
    copies.push({ at: end - size, length: size, distance: copyDistance[end] ?? 0, isRepeat: signed < 0 });
    isLiteral = copyBehindLiteral[end] === 1;
    end -= size;
  }
  return copies.reverse();
}
