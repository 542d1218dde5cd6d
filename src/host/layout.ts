/** The memory of a plan: slots, buffers, and what the arguments of its calls point to. */
import type { Argument, Buffer, Bytes, Call, Slot, Step, Struct, Value } from "../plan/step.ts";
import type { Word } from "./libc.ts";
import { type Arena, createArena, putBytes, putString, putStrings, type Region, reserve } from "./memory.ts";
import { constant, fits, refuse } from "./possible.ts";
import { syscallNumber } from "./syscall.ts";

export interface Memory {
  readonly arena: Arena;
  readonly slots: Map<string, Region>;
  readonly buffers: Map<string, Region>;
}

export type FieldSize = 1 | 2 | 4 | 8;

/** A field that is a slot: it is filled in anew every time the call is made. */
export interface Patch {
  readonly region: Region;
  readonly offset: number;
  readonly size: FieldSize;
  readonly slot: Region;
}

/** A call whose arguments have their addresses; an operand that is a Region is a slot. */
export interface PlacedCall {
  readonly number: number;
  readonly operands: readonly (Word | Region)[];
  readonly patches: readonly Patch[];
}

/** Memory without anything in it. */
export function createMemory(): Memory {
  return { arena: createArena(), slots: new Map(), buffers: new Map() };
}

/** The 8 bytes of a slot. */
export function slotRegion(memory: Memory, slot: Slot): Region {
  const region = memory.slots.get(slot.name) ?? reserve(memory.arena, 8);
  memory.slots.set(slot.name, region);
  return region;
}

/** The bytes of a buffer; an address in a slot is refused, because JavaScript reads no such memory. */
export function bufferRegion(memory: Memory, buffer: Buffer | Slot, where: string): Region {
  if (buffer.kind === "slot") return refuse(where, "addresses in slots are for programs");
  const known = memory.buffers.get(buffer.name);
  if (known === undefined && (!Number.isInteger(buffer.size) || buffer.size < 1)) {
    refuse(where, `the buffer ${buffer.name} has a size of ${buffer.size}`);
  }
  const region = known ?? reserve(memory.arena, buffer.size, 16);
  memory.buffers.set(buffer.name, region);
  if (region.bytes.byteLength !== buffer.size) refuse(where, `the buffer ${buffer.name} has two sizes`);
  return region;
}

/** The slots, buffers and constants a step names itself; those in the arguments of a call are left out. */
function operandsOf(step: Step): readonly (Value | Buffer | Bytes | string | undefined)[] {
  switch (step.kind) {
    case "call":
      return [step.into];
    case "branch":
      return [step.left, step.right];
    case "compute":
      return [step.into, step.left, step.right];
    case "load":
      return [step.into, step.from];
    case "store":
      return [step.to, step.value];
    case "decimal":
      return [step.to, step.value, step.length];
    case "next":
    case "given":
      return [step.into];
    case "enter":
      return [step.at, step.stack];
    case "label":
    case "jump":
    case "guard":
    case "fail":
      return [];
  }
}

/** Gives the slots and buffers that a step names itself their places. */
export function placeOperands(memory: Memory, step: Step, where: string): void {
  for (const operand of operandsOf(step)) {
    if (typeof operand !== "object") continue;
    if (operand.kind === "slot") slotRegion(memory, operand);
    else if (operand.kind === "buffer") bufferRegion(memory, operand, where);
  }
}

/** Writes the low bytes of a value. */
export function put({ view }: Region, offset: number, size: FieldSize, value: bigint): void {
  const low = BigInt.asUintN(size * 8, value);
  if (size === 8) view.setBigUint64(offset, low, true);
  else if (size === 4) view.setUint32(offset, Number(low), true);
  else if (size === 2) view.setUint16(offset, Number(low), true);
  else view.setUint8(offset, Number(low));
}

/** Reads so many bytes, zero-extended; 8 bytes are a signed value. */
export function get({ view }: Region, offset: number, size: FieldSize): bigint {
  if (size === 8) return view.getBigInt64(offset, true);
  if (size === 4) return BigInt(view.getUint32(offset, true));
  return BigInt(size === 2 ? view.getUint16(offset, true) : view.getUint8(offset));
}

/** Gives the arguments of a call their addresses. */
export function placeCall(memory: Memory, call: Call, where: string): PlacedCall {
  const operands: (Word | Region)[] = [];
  const patches: Patch[] = [];
  for (const argument of call.args) operands.push(placeArgument(memory, argument, patches, where));
  return { number: syscallNumber(call.name), operands, patches };
}

function placeArgument(memory: Memory, argument: Argument, patches: Patch[], where: string): Word | Region {
  if (typeof argument === "number" || typeof argument === "bigint") return constant(argument, where);
  if (typeof argument === "string") return putString(memory.arena, argument);
  switch (argument.kind) {
    case "slot":
      return slotRegion(memory, argument);
    case "buffer":
      return bufferRegion(memory, argument, where).address;
    case "bytes":
      return putBytes(memory.arena, argument.bytes);
    case "strings":
      return putStrings(memory.arena, argument.strings);
    case "address":
      return slotRegion(memory, argument.slot).address;
    case "struct":
      return placeStruct(memory, argument, patches, where);
  }
}

function placeStruct(memory: Memory, struct: Struct, patches: Patch[], where: string): number {
  let size = 0;
  for (const field of struct.fields) size += field.size;
  const region = reserve(memory.arena, size);
  let offset = 0;
  for (const field of struct.fields) {
    const fieldName = `${where}, ${struct.name}.${field.name}`;
    const content = placeArgument(memory, field.value, patches, fieldName);
    if (typeof content === "object") {
      patches.push({ region, offset, size: field.size, slot: content });
    } else {
      const isPointer = typeof field.value !== "number" && typeof field.value !== "bigint";
      if (isPointer && field.size !== 8) refuse(fieldName, "a pointer has 8 bytes");
      const value = BigInt(content);
      if (!fits(value, field.size)) refuse(fieldName, `${value} does not fit ${field.size} bytes`);
      put(region, offset, field.size, value);
    }
    offset += field.size;
  }
  return region.address;
}
