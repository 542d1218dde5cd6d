/** Integers as bytes of a compact program, little-endian. */
import { HutchError } from "../linux/error.ts";

const unfit = (value: number | bigint, size: number, what: string, part: string): HutchError =>
  new HutchError({
    operation: `emit ${what}${part === "" ? "" : `.${part}`}`,
    reason: `${value} does not fit ${size} bytes`,
  });

/**
 * Writes an integer of up to 64 bits, signed or not. One that does not fit its `size` is a HutchError, which
 * names `what`, or a part of that.
 */
export function putLittle(
  bytes: Uint8Array,
  at: number,
  value: number | bigint,
  size: number,
  what: string,
  part = "",
): void {
  if (typeof value === "bigint") {
    if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value)
      throw unfit(value, size, what, part);
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    if (size < 8 && !fits(Number(value), size)) throw unfit(value, size, what, part);
    putWords(bytes, at, low, high, size);
    return;
  }
  if (size < 8 ? !fits(value, size) : !Number.isSafeInteger(value)) throw unfit(value, size, what, part);
  putWords(bytes, at, value | 0, Math.floor(value / 2 ** 32) | 0, size);
}

/** Of sizes below 8. */
const fits = (value: number, size: number): boolean =>
  Number.isInteger(value) && value < 2 ** (size * 8) && value >= -(2 ** (size * 8 - 1));

/** The low bytes of two words of 32 bits. */
function putWords(bytes: Uint8Array, start: number, low: number, high: number, size: number): void {
  const end = start + size;
  let word = low;
  for (let at = start; at < end; at++) {
    if (at === start + 4) word = high;
    bytes[at] = word;
    word >>= 8;
  }
}
