/** Values of D-Bus and their types (D-Bus Specification 0.43, "Type System"). */

/** A value that carries its type: the type `v`. */
export interface Variant {
  /** One complete type: "s", "a(ss)". */
  readonly signature: string;
  readonly value: Value;
}

/**
 * What a type takes: booleans for `b`, numbers or bigints for integers and doubles, text for `s`, `o` and `g`,
 * arrays for arrays and structs, pairs of key and value for dictionaries. Integers may also be decimal text,
 * because those of 64 bits have to pass through JSON.
 */
export type Value = boolean | number | bigint | string | Variant | readonly Value[];

/** A property by its name, as systemd takes properties of a unit. */
export type Property = readonly [name: string, value: Variant];

/** True for arrays, structs and entries of dictionaries. */
export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

/** True for a value that carries its type. */
export const isVariant = (value: Value | undefined): value is Variant =>
  typeof value === "object" && !isList(value);

/** A value that cannot be of its type; who asks for a property turns it into an error with its name. */
export class TypeMismatch extends Error {}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "{": "}" };

/** The index behind the complete type that begins at `start`. */
function endOfType(signature: string, start: number): number {
  const code = signature[start];
  if (code === undefined) throw new TypeMismatch(`the signature ${signature} ends too early`);
  if (code === "a") return endOfType(signature, start + 1);
  const closing = CLOSING[code];
  if (closing === undefined) return start + 1;
  let index = start + 1;
  while (signature[index] !== closing) index = endOfType(signature, index);
  return index + 1;
}

/** The complete types of a signature, in their order: "a(sv)u" is ["a(sv)", "u"]. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let start = 0; start < signature.length; ) {
    const end = endOfType(signature, start);
    types.push(signature.slice(start, end));
    start = end;
  }
  return types;
}

const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  x: 8,
  t: 8,
  d: 8,
  "(": 8,
  "{": 8,
};

/** Where a value of this type may begin; lengths of four bytes stand before all others. */
export const alignmentOf = (type: string): number => ALIGNMENT[type[0] ?? ""] ?? 4;

/** Size in bytes, and whether negative numbers are among them. */
export const INTEGERS: Readonly<Record<string, { readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }>> =
  {
    y: { size: 1, signed: false },
    n: { size: 2, signed: true },
    q: { size: 2, signed: false },
    i: { size: 4, signed: true },
    u: { size: 4, signed: false },
    x: { size: 8, signed: true },
    t: { size: 8, signed: false },
    // A descriptor that is sent along, by its index.
    h: { size: 4, signed: false },
  };

/** True when an integer fits into its type. */
export function fits(type: string, value: bigint): boolean {
  const integer = INTEGERS[type];
  if (integer === undefined) return false;
  const { size, signed } = integer;
  return signed ? BigInt.asIntN(size * 8, value) === value : BigInt.asUintN(size * 8, value) === value;
}
