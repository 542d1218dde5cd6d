/** The executable file around a program. Source: elf(5), Tool Interface Standard ELF 1.2, Linux fs/binfmt_elf.c. */
import type { Arch } from "../linux/arch.ts";
import { type Image, type Layout, type Patch, resolve } from "./image.ts";

/** A note in a PT_NOTE segment; not loaded into memory. */
export interface Note {
  /** The owner, a short ASCII name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Why there is no file: a target is out of reach, or the texts are not all ASCII. */
export type Obstacle = "reach" | "text";

const BASE = 0x400000;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const ET_EXEC = 2;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
const NOTE_TYPE = 1;

/** e_machine, and the largest page size of kernels for it. */
const MACHINES = {
  x86_64: { machine: 62, page: 0x1000 },
  aarch64: { machine: 183, page: 0x10000 },
} as const satisfies Record<Arch, { machine: number; page: number }>;

/** The highest address a program may use, so that signed 32-bit fields hold every address. */
const ADDRESS_LIMIT = 0x7fff0000;

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Everything that follows from the sizes of the sections. */
interface Plan extends Layout {
  readonly machine: number;
  readonly page: number;
  readonly segments: number;
  /** Ends of the constants, of the initialised data and of the notes in the file; end of the memory. */
  readonly constantsEnd: number;
  readonly dataEnd: number;
  readonly notes: number;
  readonly fileEnd: number;
  readonly memoryEnd: number;
}

/**
 * Two segments are loaded: headers, code and constants (R-X), and what is written to (RW-). They may share a
 * page of the file, which is then mapped twice; the second address is congruent to the file offset. Without
 * initialised writable data the second segment begins on a page, because Linux before 6.7 maps nothing for
 * the rest of a page when the segment has no bytes in the file.
 */
function layOut(image: Image, arch: Arch, notes: readonly Note[]): Plan {
  const { machine, page } = MACHINES[arch];
  const zeroed = image.slotsSize + image.buffersSize + image.lineSize;
  const isWritable = image.data.length + zeroed > 0;
  const segments = 2 + (isWritable ? 1 : 0) + (notes.length > 0 ? 1 : 0);
  const code = HEADER_SIZE + SEGMENT_SIZE * segments;
  const aligned = roundUp(code + image.code.length * image.unit, 8);
  const bytes = aligned + image.aligned.length * 4;
  const text = bytes + image.bytesSize;
  const constantsEnd = text + image.textSize;
  const hasData = image.data.length > 0;
  const data = hasData ? roundUp(constantsEnd, 8) : constantsEnd;
  const dataEnd = data + image.data.length * 4;
  const noteStart = notes.length > 0 ? roundUp(dataEnd, 4) : dataEnd;
  const dataAddress = BASE + roundUp(constantsEnd, page) + (hasData ? data % page : 0);
  const slots = dataAddress + image.data.length * 4;
  const buffers = slots + image.slotsSize;
  const line = buffers + image.buffersSize;
  return {
    machine,
    page,
    segments,
    offsets: [code, aligned, bytes, text, data],
    addresses: [BASE + code, BASE + aligned, BASE + bytes, BASE + text, dataAddress, slots, buffers, line],
    constantsEnd,
    dataEnd,
    notes: noteStart,
    fileEnd: notes.reduce((end, note) => end + noteSize(note), noteStart),
    memoryEnd: line + image.lineSize,
  };
}

/** The file, or why there is none. */
export function writeElf(
  image: Image,
  arch: Arch,
  notes: readonly Note[],
  patch: Patch,
): Uint8Array<ArrayBuffer> | Obstacle {
  const plan = layOut(image, arch, notes);
  if (plan.memoryEnd > ADDRESS_LIMIT) return "reach";
  // An ArrayBuffer of its own: memory that Bun allocates for small typed arrays moves once a view is taken.
  const memory = new ArrayBuffer(plan.fileEnd);
  const file = new Uint8Array(memory);
  const [code = 0, aligned = 0, bytes = 0, text = 0, data = 0] = plan.offsets;
  file.set(headers(plan, image));
  if (image.unit === 1) file.set(image.code, code);
  else new Int32Array(memory, code, image.code.length).set(image.code);
  new Int32Array(memory, aligned, image.aligned.length).set(image.aligned);
  let at = bytes;
  for (const blob of image.blobs) {
    file.set(blob, at);
    at += roundUp(blob.length, 8);
  }
  if (image.texts.length > 0) {
    const texts = image.texts.join("\0");
    const { read, written } = new TextEncoder().encodeInto(texts, file.subarray(text));
    if (read !== texts.length || written !== image.textSize - 1) return "text";
  }
  if (image.data.length > 0) new Int32Array(memory, data, image.data.length).set(image.data);
  const view = new DataView(memory);
  writeNotes(file, view, plan.notes, notes);
  return resolve(image, view, plan, patch) ? file : "reach";
}

function headers(plan: Plan, image: Image): Uint8Array {
  const { offsets, addresses, page, dataEnd, memoryEnd, machine } = plan;
  const data = offsets[4] ?? 0;
  const dataAddress = addresses[4] ?? 0;
  const entry = (addresses[0] ?? 0) + image.entry;
  const words = [
    0x464c457f, // "\x7fELF"
    0x00010102, // 64 bits, little-endian, version 1, System V
    ...[0, 0, ET_EXEC | (machine << 16), 1, entry, 0],
    ...[HEADER_SIZE, 0, 0, 0, 0, HEADER_SIZE | (SEGMENT_SIZE << 16), plan.segments, 0],
    ...segment(PT_LOAD, PF_R | PF_X, 0, BASE, plan.constantsEnd, plan.constantsEnd, page),
  ];
  if (memoryEnd > dataAddress) {
    const size = dataEnd - data;
    words.push(
      ...segment(PT_LOAD, PF_R | PF_W, size > 0 ? data : 0, dataAddress, size, memoryEnd - dataAddress, page),
    );
  }
  words.push(...segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 16));
  const noteSize = plan.fileEnd - plan.notes;
  if (noteSize > 0) words.push(...segment(PT_NOTE, PF_R, plan.notes, 0, noteSize, 0, 4));
  return new Uint8Array(new Int32Array(words).buffer);
}

function segment(
  type: number,
  flags: number,
  offset: number,
  address: number,
  size: number,
  memory: number,
  alignment: number,
): readonly number[] {
  return [type, flags, offset, 0, address, 0, address, 0, size, 0, memory, 0, alignment, 0];
}

function noteSize(note: Note): number {
  return 12 + roundUp(note.name.length + 1, 4) + roundUp(note.bytes.length, 4);
}

function writeNotes(file: Uint8Array, view: DataView, start: number, notes: readonly Note[]): void {
  let at = start;
  for (const note of notes) {
    view.setUint32(at, note.name.length + 1, true);
    view.setUint32(at + 4, note.bytes.length, true);
    view.setUint32(at + 8, NOTE_TYPE, true);
    file.set(new TextEncoder().encode(note.name), at + 12);
    file.set(note.bytes, at + 12 + roundUp(note.name.length + 1, 4));
    at += noteSize(note);
  }
}
