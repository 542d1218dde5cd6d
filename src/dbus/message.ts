/** Messages of D-Bus (D-Bus Specification, "Message Protocol"). */
import { align, type Bytes, marshal, pushAll } from "./marshal.ts";
import { readAll, readerOf, skipTo } from "./unmarshal.ts";
import { isList, isVariant, TypeMismatch, type Value, type Variant } from "./value.ts";

const LITTLE_ENDIAN = 0x6c;
const VERSION = 1;
/** The longest message that there may be, in bytes. */
const LONGEST = 2 ** 27;
/** Byte order, type, flags, version, length of the body, serial, length of the fields. */
const FIXED_SIZE = 16;

const TYPES = { call: 1, reply: 2, error: 3, signal: 4 } as const;

type Kind = keyof typeof TYPES;

/** The header fields by their codes, with the signature of each. */
const FIELDS = {
  path: [1, "o"],
  interface: [2, "s"],
  member: [3, "s"],
  errorName: [4, "s"],
  replySerial: [5, "u"],
  destination: [6, "s"],
  sender: [7, "s"],
  signature: [8, "g"],
} as const;

/** A method of an object, and what it is called with. */
export interface MethodCall {
  /** The name on the bus; none where the peer is connected to directly. */
  readonly destination?: string | undefined;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
}

export interface Message {
  readonly kind: Kind;
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly body: readonly Value[];
}

/** The bytes of a call. Throws TypeMismatch when the body is not of its signature. */
export function encodeCall(serial: number, call: MethodCall): Uint8Array {
  const { destination, path, interface: name, member, signature = "", body = [] } = call;
  const content = marshal(signature, body);
  const fields: [number, Variant][] = [];
  const add = (field: keyof typeof FIELDS, value: string | undefined): void => {
    const [code, type] = FIELDS[field];
    if (value !== undefined && value !== "") fields.push([code, { signature: type, value }]);
  };
  add("path", path);
  add("interface", name);
  add("member", member);
  add("destination", destination);
  add("signature", signature);
  const header: Bytes = [];
  pushAll(header, "yyyyuua(yv)", [LITTLE_ENDIAN, TYPES.call, 0, VERSION, content.length, serial, fields]);
  align(header, 8);
  const bytes = new Uint8Array(new ArrayBuffer(header.length + content.length));
  bytes.set(header, 0);
  bytes.set(content, header.length);
  return bytes;
}

/**
 * The size of the message whose first bytes these are; undefined when they are too few to tell. Throws
 * TypeMismatch for what is no message of this machine's byte order, or longer than any may be.
 */
export function sizeOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_SIZE) return undefined;
  const [order, , , version, body, , fields] = readAll(readerOf(bytes), "yyyyuuu").map(Number);
  if (order !== LITTLE_ENDIAN || version !== VERSION || body === undefined || fields === undefined) {
    throw new TypeMismatch("what came is no message of D-Bus, version 1, little-endian");
  }
  const size = FIXED_SIZE + Math.ceil(fields / 8) * 8 + body;
  if (size > LONGEST) throw new TypeMismatch(`a message of D-Bus has ${size} bytes`);
  return size;
}

const isKind = (name: string): name is Kind => Object.hasOwn(TYPES, name);

/** One whole message; a kind that nobody knows yet is undefined, as the specification wants it. */
export function decode(bytes: Uint8Array): Message | undefined {
  const reader = readerOf(bytes);
  const [, type, , , , serial, fields] = readAll(reader, "yyyyuua(yv)");
  skipTo(reader, 8);
  const kind = Object.entries(TYPES).find(([, code]) => code === type)?.[0] ?? "";
  if (!isKind(kind) || typeof serial !== "number") return undefined;
  const found = fieldsOf(fields);
  const text = (field: keyof typeof FIELDS): string | undefined => {
    const value = found.get(FIELDS[field][0]);
    return typeof value === "string" ? value : undefined;
  };
  const [path, name, member, errorName] = [
    text("path"),
    text("interface"),
    text("member"),
    text("errorName"),
  ];
  const replySerial = found.get(FIELDS.replySerial[0]);
  return {
    kind,
    serial,
    ...(path === undefined ? {} : { path }),
    ...(name === undefined ? {} : { interface: name }),
    ...(member === undefined ? {} : { member }),
    ...(errorName === undefined ? {} : { errorName }),
    ...(typeof replySerial === "number" ? { replySerial } : {}),
    body: readAll(reader, text("signature") ?? ""),
  };
}

/** The header fields by their codes. */
function fieldsOf(fields: Value | undefined): Map<number, Value> {
  const found = new Map<number, Value>();
  for (const field of isList(fields) ? fields : []) {
    const [code, variant] = isList(field) ? field : [];
    if (isVariant(variant)) found.set(Number(code), variant.value);
  }
  return found;
}
