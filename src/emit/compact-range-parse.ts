/** The cheapest way to pack texts (compact-range.ts): which of their bytes are copied, and from where. */

export interface TextCopy {
  readonly at: number;
  readonly length: number;
  /** Among the places behind the same byte, counted backwards from 1. */
  readonly rank: number;
}

export const SHORTEST_COPY = 3;
export const LONGEST_COPY = SHORTEST_COPY + 255;
export const HIGHEST_RANK = 256;

const HASH_BITS = 13;
/** So many places with the same four bytes are looked at. */
const TRIES = 16;
const FAR_TOO_MUCH = 0x3fffffff;

/**
 * In tenths of a bit: what literals and copies cost on average, of those in the texts of the default bundle.
 * The coder knows better, but only when it is too late.
 */
const LITERAL = 46;
const COPY = 70;
const RANKS = Uint16Array.from({ length: HIGHEST_RANK + 1 }, (_, rank) =>
  Math.round(COPY + 10 * Math.log2(Math.max(rank, 1))),
);
const LENGTHS = Uint16Array.from({ length: LONGEST_COPY + 1 }, (_, length) =>
  Math.round(4 * Math.log2(Math.max(length - SHORTEST_COPY + 1, 1))),
);

/** A search, and what it knows of the bytes that it has been through. */
export interface TextSearch {
  length: number;
  /** Where four bytes were last, and where they were before that. */
  readonly heads: Int32Array;
  before: Int32Array;
  /** How many places there were behind each byte; how many of them before this one. */
  readonly counts: Int32Array;
  ordinals: Int32Array;
  /** The cheapest ways to places: what they cost, and the length and the rank of their last copy. */
  costs: Int32Array;
  lengths: Uint16Array;
  ranks: Uint16Array;
}

/** With room for so many bytes; nothing is known. */
export const createSearch = (capacity: number): TextSearch => ({
  length: 0,
  heads: new Int32Array(1 << HASH_BITS).fill(-1),
  before: new Int32Array(capacity),
  counts: new Int32Array(256),
  ordinals: new Int32Array(capacity),
  costs: new Int32Array(0),
  lengths: new Uint16Array(0),
  ranks: new Uint16Array(0),
});

/** The search knows what another one does, and has room for so many bytes. */
export function takeSearch(search: TextSearch, begun: TextSearch, length: number): void {
  if (search.before.length < length) {
    search.before = new Int32Array(length);
    search.ordinals = new Int32Array(length);
  }
  search.length = begun.length;
  search.heads.set(begun.heads);
  search.counts.set(begun.counts);
  search.before.set(begun.before.subarray(0, begun.length));
  search.ordinals.set(begun.ordinals.subarray(0, begun.length));
}

function clearWays(search: TextSearch, length: number): void {
  if (search.costs.length <= length) {
    search.costs = new Int32Array(length + 1);
    search.lengths = new Uint16Array(length + 1);
    search.ranks = new Uint16Array(length + 1);
  }
  search.costs.fill(FAR_TOO_MUCH, 1, length + 1);
  search.costs[0] = 0;
}

function copiesOf({ length, lengths, ranks }: TextSearch, from: number): TextCopy[] {
  const copies: TextCopy[] = [];
  for (let end = length - from; end > 0; ) {
    const size = lengths[end] ?? 1;
    const rank = ranks[end] ?? 0;
    end -= size;
    if (rank > 0) copies.push({ at: from + end, length: size, rank });
  }
  return copies.reverse();
}

function sameLength(bytes: Uint8Array, place: number, at: number): number {
  const most = Math.min(LONGEST_COPY, bytes.length - at);
  let same = 0;
  while (same < most && bytes[place + same] === bytes[at + same]) same++;
  return same;
}

/** What is copied of the bytes behind those that the search has been through. */
export function searchTexts(search: TextSearch, bytes: Uint8Array): TextCopy[] {
  const { length } = bytes;
  const from = search.length;
  clearWays(search, length - from);
  const { heads, before, counts, ordinals, costs, lengths, ranks } = search;
  for (let at = from; at < length; at++) {
    const cost = costs[at - from] ?? 0;
    const next = at - from + 1;
    if (cost + LITERAL < (costs[next] ?? 0)) {
      costs[next] = cost + LITERAL;
      lengths[next] = 1;
      ranks[next] = 0;
    }
    const last = at > 0 ? (bytes[at - 1] ?? 0) : 0;
    const ordinal = counts[last] ?? 0;
    counts[last] = ordinal + 1;
    ordinals[at] = ordinal;
    // No copy begins in the last bytes.
    if (at + SHORTEST_COPY > length) continue;
    const three = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const hash = Math.imul((last << 24) | three, 0x9e3779b1) >>> (32 - HASH_BITS);
    let place = heads[hash] ?? -1;
    before[at] = place;
    heads[hash] = at;
    let longest = SHORTEST_COPY - 1;
    for (let tries = 0; place >= 0 && tries < TRIES; tries++, place = before[place] ?? -1) {
      if (at + longest >= length) break;
      if (bytes[place + longest] !== bytes[at + longest]) continue;
      if ((place > 0 ? (bytes[place - 1] ?? 0) : 0) !== last) continue;
      const rank = ordinal - (ordinals[place] ?? 0);
      if (rank > HIGHEST_RANK) break;
      const same = sameLength(bytes, place, at);
      const start = cost + (RANKS[rank] ?? 0);
      for (let size = longest + 1; size <= same; size++) {
        const end = at - from + size;
        const total = start + (LENGTHS[size] ?? 0);
        if (total >= (costs[end] ?? 0)) continue;
        costs[end] = total;
        lengths[end] = size;
        ranks[end] = rank;
      }
      if (same > longest) longest = same;
    }
  }
  search.length = length;
  return copiesOf(search, from);
}
