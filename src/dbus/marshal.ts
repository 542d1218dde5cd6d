/** Values as bytes, little-endian (D-Bus Specification, "Marshaling (Wire Format)"). */
import {
  alignmentOf,
  fits,
  INTEGERS,
  isList,
  isVariant,
  TypeMismatch,
  typesOf,
  type Value,
} from "./value.ts";

/** Bytes that grow at their end; alignment counts from the first. */
export type Bytes = number[];

const encoder = new TextEncoder();

export function align(bytes: Bytes, alignment: number): void {
  while (bytes.length % alignment !== 0) bytes.push(0);
}

const mismatch = (type: string, value: Value): TypeMismatch =>
  new TypeMismatch(`expected a value of the D-Bus type ${type}, received ${String(value)}`);

function integerOf(type: string, value: Value): bigint {
  const isInteger =
    typeof value === "bigint" ||
    (typeof value === "number" && Number.isInteger(value)) ||
    (typeof value === "string" && /^-?\d+$/.test(value));
  if (!isInteger) throw mismatch(type, value);
  const integer = BigInt(value);
  if (fits(type, integer)) return integer;
  throw mismatch(type, value);
}

function pushInteger(bytes: Bytes, size: number, value: bigint): void {
  align(bytes, size);
  for (let index = 0; index < size; index++) bytes.push(Number((value >> BigInt(8 * index)) & 0xffn));
}

function pushText(bytes: Bytes, type: string, text: string): void {
  // The peer would close the connection.
  if (text.includes("\0") || !text.isWellFormed()) throw mismatch(type, JSON.stringify(text));
  const encoded = encoder.encode(text);
  if (type === "g") bytes.push(encoded.length);
  else pushInteger(bytes, 4, BigInt(encoded.length));
  for (const byte of encoded) bytes.push(byte);
  bytes.push(0);
}

function pushDouble(bytes: Bytes, value: number): void {
  align(bytes, 8);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  for (let index = 0; index < 8; index++) bytes.push(view.getUint8(index));
}

function pushArray(bytes: Bytes, element: string, items: readonly Value[]): void {
  pushInteger(bytes, 4, 0n);
  const length = bytes.length - 4;
  // Padding before the first element is not counted, and is there without any too.
  align(bytes, alignmentOf(element));
  const start = bytes.length;
  for (const item of items) push(bytes, element, item);
  const size = bytes.length - start;
  for (let index = 0; index < 4; index++) bytes[length + index] = (size >>> (8 * index)) & 0xff;
}

function pushFields(bytes: Bytes, type: string, fields: readonly Value[]): void {
  align(bytes, 8);
  pushAll(bytes, type.slice(1, -1), fields);
}

/** Appends one value of one complete type; throws TypeMismatch. */
function push(bytes: Bytes, type: string, value: Value): void {
  const [code = ""] = type;
  const integer = INTEGERS[type];
  if (integer !== undefined) pushInteger(bytes, integer.size, integerOf(type, value));
  else if (code === "b" && typeof value === "boolean") pushInteger(bytes, 4, value ? 1n : 0n);
  else if (code === "d" && typeof value === "number") pushDouble(bytes, value);
  else if ("sog".includes(code) && typeof value === "string") pushText(bytes, code, value);
  else if (code === "a" && isList(value)) pushArray(bytes, type.slice(1), value);
  else if ("({".includes(code) && isList(value)) pushFields(bytes, type, value);
  else if (code === "v" && isVariant(value)) {
    pushText(bytes, "g", value.signature);
    pushAll(bytes, value.signature, [value.value]);
  } else throw mismatch(type, value);
}

/** Appends the values of a signature; throws TypeMismatch when they are not of its types. */
export function pushAll(bytes: Bytes, signature: string, values: readonly Value[]): void {
  const types = typesOf(signature);
  if (types.length !== values.length) throw mismatch(signature, `${values.length} values`);
  for (const [index, type] of types.entries()) {
    const value = values[index];
    if (value !== undefined) push(bytes, type, value);
  }
}

/** The values of a signature as bytes. */
export function marshal(signature: string, values: readonly Value[]): Uint8Array {
  const bytes: Bytes = [];
  pushAll(bytes, signature, values);
  return Uint8Array.from(bytes);
}
