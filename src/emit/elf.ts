/** The executable file around a program. Source: elf(5), Tool Interface Standard ELF 1.2, Linux fs/binfmt_elf.c. */
import type { Arch } from "../linux/arch.ts";
import type { Arena } from "./arena.ts";
import { type Image, type Patch, resolve } from "./image.ts";

/** A note in a PT_NOTE segment; not loaded into memory. */
export interface Note {
  /** The owner, a short ASCII name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

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

/** The highest address a program may use, so that 32-bit immediates hold every address. */
const ADDRESS_LIMIT = 0x7fff0000;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * The file, or undefined when an instruction cannot reach its target.
 *
 * Two segments are loaded: headers, code and constants (R-X), and what is written to (RW-). They may share a
 * page of the file, which is then mapped twice; the second address is congruent to the file offset. Without
 * initialised writable data the second segment begins on a page, because Linux before 6.7 maps nothing for
 * the rest of a page when the segment has no bytes in the file.
 */
export function writeElf(
  image: Image,
  arch: Arch,
  notes: readonly Note[],
  patch: Patch,
): Uint8Array<ArrayBuffer> | undefined {
  const { machine, page } = MACHINES[arch];
  const writable = image.data.length + image.slotsSize + image.buffersSize > 0;
  const count = 2 + (writable ? 1 : 0) + (notes.length > 0 ? 1 : 0);
  const headers = HEADER_SIZE + SEGMENT_SIZE * count;

  const aligned = roundUp(headers + image.code.length, 8);
  const names = aligned + image.aligned.length;
  const text = names + image.names.length;
  const constantsEnd = text + image.text.length;
  const data = image.data.length > 0 ? roundUp(constantsEnd, 8) : constantsEnd;
  const dataEnd = data + image.data.length;
  const notesStart = notes.length > 0 ? roundUp(dataEnd, 4) : dataEnd;

  const dataAddress = BASE + roundUp(constantsEnd, page) + (image.data.length > 0 ? data % page : 0);
  const slotsAddress = dataAddress + image.data.length;
  const buffersAddress = slotsAddress + image.slotsSize;
  const end = buffersAddress + image.buffersSize;
  if (end > ADDRESS_LIMIT) return undefined;
  const bases = [
    BASE + headers,
    BASE + aligned,
    BASE + names,
    BASE + text,
    dataAddress,
    slotsAddress,
    buffersAddress,
  ];
  if (!resolve(image, bases, patch)) return undefined;

  const notesSize = notes.reduce((sum, note) => sum + noteSize(note), 0);
  const file = new Uint8Array(new ArrayBuffer(notesStart + notesSize));
  const view = new DataView(file.buffer);
  writeHeader(view, machine, count);
  let at = HEADER_SIZE;
  const segment = (
    type: number,
    flags: number,
    offset: number,
    address: number,
    size: number,
    memory: number,
  ) => {
    const alignment = type === PT_LOAD ? page : type === PT_NOTE ? 4 : 16;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    view.setUint32(at + 8, offset, true);
    view.setUint32(at + 16, address, true);
    view.setUint32(at + 24, address, true);
    view.setUint32(at + 32, size, true);
    view.setUint32(at + 40, memory, true);
    view.setUint32(at + 48, alignment, true);
    at += SEGMENT_SIZE;
  };
  segment(PT_LOAD, PF_R | PF_X, 0, BASE, constantsEnd, constantsEnd);
  if (writable) {
    const offset = image.data.length > 0 ? data : 0;
    segment(PT_LOAD, PF_R | PF_W, offset, dataAddress, image.data.length, end - dataAddress);
  }
  segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
  if (notes.length > 0) segment(PT_NOTE, PF_R, notesStart, 0, notesSize, 0);

  copy(file, headers, image.code);
  copy(file, aligned, image.aligned);
  copy(file, names, image.names);
  copy(file, text, image.text);
  copy(file, data, image.data);
  writeNotes(file, view, notesStart, notes);
  return file;
}

function copy(file: Uint8Array, at: number, arena: Arena): void {
  if (arena.length > 0) file.set(arena.bytes.subarray(0, arena.length), at);
}

function writeHeader(view: DataView, machine: number, segments: number): void {
  view.setUint32(0, 0x7f454c46); // "\x7fELF"
  view.setUint32(4, 0x02010100); // 64 bits, little-endian, version 1, System V
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, BASE + HEADER_SIZE + SEGMENT_SIZE * segments, true);
  view.setUint32(32, HEADER_SIZE, true);
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(54, SEGMENT_SIZE, true);
  view.setUint16(56, segments, true);
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
    for (let index = 0; index < note.name.length; index++)
      file[at + 12 + index] = note.name.charCodeAt(index);
    file.set(note.bytes, at + 12 + roundUp(note.name.length + 1, 4));
    at += noteSize(note);
  }
}
