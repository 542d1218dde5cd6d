/** Bytes as values, little-endian (D-Bus Specification, "Marshaling (Wire Format)"). */
import { alignmentOf, INTEGERS, TypeMismatch, typesOf, type Value } from "./value.ts";

/** Reads forward; every length is compared with what is there. */
export interface Reader {
  readonly view: DataView;
  offset: number;
}

export const readerOf = (bytes: Uint8Array): Reader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Goes on to the next multiple of `alignment`. */
export function skipTo(reader: Reader, alignment: number): void {
  reader.offset = Math.ceil(reader.offset / alignment) * alignment;
}

/** The place of so many bytes, which are passed over. */
function take(reader: Reader, size: number): number {
  const start = reader.offset;
  if (start + size > reader.view.byteLength) throw new TypeMismatch("a message of D-Bus is cut off");
  reader.offset += size;
  return start;
}

/** Integers of 64 bits are bigints, all others numbers. */
function readInteger(reader: Reader, type: string): number | bigint {
  const { size, signed } = INTEGERS[type] ?? { size: 4, signed: false };
  skipTo(reader, size);
  const { view } = reader;
  const start = take(reader, size);
  if (size === 8) return signed ? view.getBigInt64(start, true) : view.getBigUint64(start, true);
  if (size === 4) return signed ? view.getInt32(start, true) : view.getUint32(start, true);
  if (size === 2) return signed ? view.getInt16(start, true) : view.getUint16(start, true);
  return view.getUint8(start);
}

const readLength = (reader: Reader): number => Number(readInteger(reader, "u"));

function readText(reader: Reader, length: number): string {
  const start = take(reader, length + 1);
  const { buffer, byteOffset } = reader.view;
  try {
    return decoder.decode(new Uint8Array(buffer, byteOffset + start, length));
  } catch {
    throw new TypeMismatch("a text of D-Bus that is no UTF-8");
  }
}

function readArray(reader: Reader, element: string): Value[] {
  const length = readLength(reader);
  skipTo(reader, alignmentOf(element));
  const end = reader.offset + length;
  const items: Value[] = [];
  while (reader.offset < end) items.push(readOne(reader, element));
  return items;
}

function readDouble(reader: Reader): number {
  skipTo(reader, 8);
  return reader.view.getFloat64(take(reader, 8), true);
}

function readVariant(reader: Reader): Value {
  const signature = readText(reader, Number(readInteger(reader, "y")));
  const [value, more] = readAll(reader, signature);
  if (value === undefined || more !== undefined) throw new TypeMismatch(`a variant of ${signature}`);
  return { signature, value };
}

function readOne(reader: Reader, type: string): Value {
  const [code = ""] = type;
  if (INTEGERS[type] !== undefined) return readInteger(reader, type);
  if (code === "b") return readLength(reader) !== 0;
  if (code === "d") return readDouble(reader);
  if (code === "s" || code === "o") return readText(reader, readLength(reader));
  if (code === "g") return readText(reader, Number(readInteger(reader, "y")));
  if (code === "v") return readVariant(reader);
  if (code === "a") return readArray(reader, type.slice(1));
  if (code !== "(" && code !== "{") throw new TypeMismatch(`there is no D-Bus type ${type}`);
  skipTo(reader, 8);
  return readAll(reader, type.slice(1, -1));
}

/** Reads the values of a signature; throws TypeMismatch when the bytes end before them. */
export const readAll = (reader: Reader, signature: string): Value[] =>
  typesOf(signature).map((type) => readOne(reader, type));
