/** The executable file around a program. Source: elf(5), the ELF specification 1.2, Linux fs/binfmt_elf.c. */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import { type Image, type Layout, type Patch, resolve } from "./image.ts";

/** A note in a PT_NOTE segment; not loaded into memory. */
export interface Note {
  /** The owner, a short ASCII name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Where programs are in memory unless said otherwise. */
const BASE = 0x400000;
/** The largest page that a kernel for the architecture may have. */
export const LARGEST_PAGE: Readonly<Record<Arch, number>> = { x86_64: 0x1000, aarch64: 0x10000 };
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const ET_EXEC = 2;
const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
const NOTE_TYPE = 1;

/** The highest address a program may use, so that signed 32-bit fields hold every address. */
const ADDRESS_LIMIT = 0x7fff0000;

/** Where everything is: offsets in the file unless said otherwise. */
interface Plan extends Layout {
  readonly segments: number;
  readonly constantsEnd: number;
  readonly dataEnd: number;
  readonly notes: number;
  readonly fileEnd: number;
  /** The first address behind the writable segment. */
  readonly memoryEnd: number;
}

/**
 * Two segments are loaded: headers, code and constants (R-X), and what is written to (RW-). They may share a
 * page of the file, which is then mapped twice; the second address is congruent to the file offset. Without
 * initialised writable data the second segment begins on a page, because Linux before 6.7 maps nothing for
 * the rest of a page when the segment has no bytes in the file. There is always a writable segment: a program
 * has a slot or a line of the reporter.
 */
function layOut(
  image: Image,
  base: number,
  page: number,
  notes: readonly Note[],
  memory: number | undefined,
): Plan {
  const segments = notes.length > 0 ? 4 : 3;
  const routines = HEADER_SIZE + SEGMENT_SIZE * segments;
  const code = routines + image.routines.length;
  const aligned = (code + image.code.length * image.unit + 7) & ~7;
  const bytes = aligned + image.aligned.length * 4;
  const text = bytes + image.bytesSize;
  const constantsEnd = text + image.textSize;
  const hasData = image.data.length > 0;
  const data = hasData ? (constantsEnd + 7) & ~7 : constantsEnd;
  const dataEnd = data + image.data.length * 4;
  const dataAddress =
    memory ?? base + ((constantsEnd + page - 1) & -page) + (hasData ? data & (page - 1) : 0);
  const slots = dataAddress + image.data.length * 4;
  const buffers = slots + image.slotsSize;
  const line = buffers + image.buffersSize;
  const noteStart = (dataEnd + 3) & ~3;
  return {
    segments,
    offsets: [code, aligned, bytes, text, data, 0, 0, 0, 0, routines],
    addresses: [
      base + code,
      base + aligned,
      base + bytes,
      base + text,
      dataAddress,
      slots,
      buffers,
      line,
      0,
      base + routines,
    ],
    constantsEnd,
    dataEnd,
    notes: noteStart,
    fileEnd: notes.length > 0 ? notesEnd(noteStart, notes) : dataEnd,
    memoryEnd: line + image.lineSize,
  };
}

/**
 * The file, or undefined when something is out of reach of what points to it. `memoryAddress` is that of what is
 * written to, in a program without initialised data; behind the rest when it is absent.
 */
export function writeElf(
  image: Image,
  arch: Arch,
  { base = BASE, notes = [] }: { readonly base?: number; readonly notes?: readonly Note[] },
  patch: Patch,
  memoryAddress?: number,
): Uint8Array<ArrayBuffer> | undefined {
  const page = LARGEST_PAGE[arch];
  const plan = layOut(image, base, page, notes, memoryAddress);
  if (plan.memoryEnd > ADDRESS_LIMIT) return undefined;
  // An ArrayBuffer of its own: memory that Bun allocates for small typed arrays moves once a view is taken.
  const memory = new ArrayBuffer(plan.fileEnd);
  const file = new Uint8Array(memory);
  const [code = 0, aligned = 0, bytes = 0, text = 0, data = 0] = plan.offsets;
  const words = headers(plan, arch, base);
  new Int32Array(memory, 0, words.length).set(words);
  file.set(image.routines, code - image.routines.length);
  if (image.unit === 1) file.set(image.code, code);
  else new Int32Array(memory, code, image.code.length).set(image.code);
  new Int32Array(memory, aligned, image.aligned.length).set(image.aligned);
  let at = bytes;
  for (const blob of image.blobs) {
    file.set(blob, at);
    at += (blob.length + 7) & ~7;
  }
  if (image.texts.length > 0) {
    const { written } = new TextEncoder().encodeInto(image.texts.join("\0"), file.subarray(text));
    // Every address of a text was computed from its length: a wrong one would mix them all up.
    if (written !== image.textSize - 1)
      throw new HutchError({ operation: "emit program", reason: "texts were mismeasured" });
  }
  if (image.data.length > 0) new Int32Array(memory, data, image.data.length).set(image.data);
  const view = new DataView(memory);
  if (notes.length > 0) writeNotes(file, view, plan.notes, notes);
  return resolve(image, image.fixups, view, plan, patch) ? file : undefined;
}

/** The ELF header and the segments in words of 32 bits; 64-bit fields have a zero for their upper half. */
function headers(plan: Plan, arch: Arch, base: number): number[] {
  const page = LARGEST_PAGE[arch];
  const { constantsEnd, notes } = plan;
  const [entry = 0, , , , address = 0] = plan.addresses;
  const [, , , , offset = 0] = plan.offsets;
  const size = plan.dataEnd - offset;
  const memory = plan.memoryEnd - address;
  const machine = arch === "x86_64" ? EM_X86_64 : EM_AARCH64;
  // biome-ignore format: a table
  const words = [
    // "\x7fELF"; 64 bits, little-endian, version 1, System V
    0x464c457f, 0x00010102, 0, 0,
    ET_EXEC | (machine << 16), 1, entry, 0, HEADER_SIZE, 0, 0, 0,
    0, HEADER_SIZE | (SEGMENT_SIZE << 16), plan.segments, 0,
    // type, flags, offset, address, physical address, size in the file, size in memory, alignment
    PT_LOAD, PF_R | PF_X, 0, 0, base, 0, base, 0, constantsEnd, 0, constantsEnd, 0, page, 0,
    PT_LOAD, PF_R | PF_W, size > 0 ? offset : 0, 0, address, 0, address, 0, size, 0, memory, 0, page, 0,
    PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0,
  ];
  if (plan.segments > 3) words.push(PT_NOTE, PF_R, notes, 0, 0, 0, 0, 0, plan.fileEnd - notes, 0, 0, 0, 4, 0);
  return words;
}

function notesEnd(start: number, notes: readonly Note[]): number {
  return notes.reduce((end, note) => end + noteSize(note), start);
}

function noteSize(note: Note): number {
  return 12 + ((note.name.length + 4) & ~3) + ((note.bytes.length + 3) & ~3);
}

function writeNotes(file: Uint8Array, view: DataView, start: number, notes: readonly Note[]): void {
  let at = start;
  for (const note of notes) {
    view.setUint32(at, note.name.length + 1, true);
    view.setUint32(at + 4, note.bytes.length, true);
    view.setUint32(at + 8, NOTE_TYPE, true);
    file.set(new TextEncoder().encode(note.name), at + 12);
    file.set(note.bytes, at + 12 + ((note.name.length + 4) & ~3));
    at += noteSize(note);
  }
}
