/**
 * The building blocks of the configuration schema.
 *
 * A message given to a block is not an error text but the expectation in words ("an integer from 0 to 7");
 * issue.ts makes the error text. Blocks are made once and shared, and `later` puts off what few
 * configurations contain: a schema is paid for on every start of hutch.
 */
import * as v from "valibot";

/** A string that reaches the kernel as it is: no NUL, which would cut it, and no lone surrogate. */
export const text = v.custom<string>(
  (value) => typeof value === "string" && !value.includes("\0") && value.isWellFormed(),
  (issue) => (typeof issue.input === "string" ? "a string of valid Unicode without NUL" : "a string"),
);
export const texts = v.array(text);
export const flag = v.boolean();

function integer(least: number, most: number) {
  return v.custom<number>(
    (value) => typeof value === "number" && Number.isInteger(value) && value >= least && value <= most,
    // A function, because turning a large number into text costs more than the check.
    () => `an integer from ${least} to ${most}`,
  );
}

export const u16 = integer(0, 65535);
export const u32 = integer(0, 4294967295);
export const i32 = integer(-2147483648, 2147483647);
/** Permission bits of a file. */
/**
 * The mode of a file. Engines hand on st_mode as stat(2) gives it, type included, though the official schema
 * ends at 512.
 */
export const mode = integer(0, 0o177777);
export const anyInteger = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
/** A count for which no kernel takes more than a number holds. */
export const count = integer(0, Number.MAX_SAFE_INTEGER);
export const seconds = integer(1, Number.MAX_SAFE_INTEGER);

/**
 * A 64-bit integer: a number where a number is exact, a bigint above 2^53.
 *
 * JSON.parse has rounded what reaches us as a large number: 18446744073709551615 (RLIM_INFINITY) comes as
 * 2^64, 9223372036854775807 as 2^63, both one above the range. A number equal to that is taken as the
 * largest value; a bigint (parseSpecText keeps large integers exact) is held to the range itself.
 */
function wide(least: bigint, most: bigint) {
  return v.pipe(
    v.custom<number | bigint>(
      (value) =>
        (typeof value === "bigint" && value >= least && value <= most) ||
        (typeof value === "number" &&
          Number.isInteger(value) &&
          value >= Number(least) &&
          value <= Number(most)),
      () => `an integer from ${least} to ${most}`,
    ),
    v.transform((value): number | bigint => {
      if (Number.isSafeInteger(value)) return value;
      const exact = BigInt(value);
      if (exact > most) return most;
      const number = Number(exact);
      return Number.isSafeInteger(number) ? number : exact;
    }),
  );
}

export const u64 = wide(0n, 18446744073709551615n);
export const i64 = wide(-9223372036854775808n, 9223372036854775807n);

/** A field that may be absent. */
export const optional = v.exactOptional;
export const list = v.array;

/** A string of some form; `expected` says which, in words. */
export function pattern(form: RegExp, expected: string) {
  return v.custom<string>((value) => typeof value === "string" && form.test(value), expected);
}

export const optionalText = v.exactOptional(text);
export const optionalTexts = v.exactOptional(texts);
export const optionalFlag = v.exactOptional(flag);
export const optionalU16 = v.exactOptional(u16);
export const optionalU32 = v.exactOptional(u32);
export const optionalI32 = v.exactOptional(i32);
export const optionalInteger = v.exactOptional(anyInteger);
export const optionalCount = v.exactOptional(count);
export const optionalU64 = v.exactOptional(u64);
export const optionalI64 = v.exactOptional(i64);

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  const known: readonly string[] = words;
  return v.custom<Word>(
    (value) => typeof value === "string" && known.includes(value),
    (issue) => expectOneOf(issue.input, words),
  );
}

/** One of the keys of a table. */
export function keyOf<const Table extends Readonly<Record<string, unknown>>>(table: Table) {
  return v.custom<keyof Table & string>(
    (value) => typeof value === "string" && Object.keys(table).includes(value),
    (issue) => expectOneOf(issue.input, Object.keys(table)),
  );
}

/** The words in a sentence: the one nearest to what came, or else all when they are not too many. */
export function expectOneOf(input: unknown, words: readonly string[]): string {
  const near = typeof input === "string" ? nearest(input, words) : undefined;
  if (near !== undefined) return `a known name (did you mean ${near}?)`;
  return words.length <= 24 ? `one of ${words.join(", ")}` : `one of ${words.length} known names`;
}

/** The word that needs the fewest edits, case aside, when that is less than half of its letters. */
export function nearest(input: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const word of words) {
    const edits = distance(input.slice(0, 64).toUpperCase(), word.toUpperCase());
    if (edits < fewest && edits * 2 < word.length) [best, fewest] = [word, edits];
  }
  return best;
}

/** Levenshtein distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

const noObject = v.custom<never>(() => false, "an object");

/** An array is an object to valibot: with every field optional, `"linux": []` would pass for an empty one. */
export function notArray<Schema extends v.GenericSchema>(schema: Schema) {
  return v.lazy((input) => (Array.isArray(input) ? noObject : schema));
}

/** An object with known fields; others are ignored and dropped (spec: runtimes ignore unknown properties). */
export function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  return notArray(v.object(entries));
}

// valibot drops these keys of a record without a word.
const KEYS_LOST = ["__proto__", "constructor", "prototype"];

const losesKeys = v.custom<never>(
  () => false,
  () => `an object without the keys ${KEYS_LOST.join(", ")}`,
);

/** An object whose keys are data. */
export function mapOf<Value extends v.GenericSchema>(value: Value) {
  const schema = v.record(text, value);
  return v.lazy((input) => {
    if (Array.isArray(input)) return noObject;
    for (const key of Object.keys(Object(input))) if (KEYS_LOST.includes(key)) return losesKeys;
    return schema;
  });
}

/** An optional field whose schema is made when the first configuration contains it. */
export function later<Schema extends v.GenericSchema>(make: () => Schema) {
  let schema: Schema | undefined;
  return v.exactOptional(
    v.lazy(() => {
      schema ??= make();
      return schema;
    }),
  );
}
