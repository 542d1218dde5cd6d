/**
 * Putting an emitted program into an executable, so that the kernel begins the program, and the program the
 * executable. The room for what the kernel has to know of the program is that of two program headers: the one
 * of the notes, and the one of the dynamic linker (PT_INTERP), which the program maps by itself. Nothing else
 * of the executable changes or moves. Source: elf(5), Linux fs/binfmt_elf.c.
 */
import { LARGEST_PAGE } from "../src/emit/elf.ts";
import type { Arch } from "../src/linux/arch.ts";
import {
  DT_DEBUG,
  DT_NULL,
  EHDR,
  ET_EXEC,
  PHDR,
  PHDR_SIZE,
  PT_DYNAMIC,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  PT_NULL,
  PT_PHDR,
} from "../src/linux/elf.ts";
import type { Successor } from "../src/plan/successor.ts";

/** A program header. */
interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly inFile: number;
  readonly inMemory: number;
  readonly bytes: Uint8Array;
}

const viewOf = (file: Uint8Array): DataView => new DataView(file.buffer, file.byteOffset, file.length);
const word = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

function segmentsOf(file: Uint8Array): Segment[] {
  const view = viewOf(file);
  const start = word(view, EHDR.e_phoff);
  return Array.from({ length: view.getUint16(EHDR.e_phnum, true) }, (_, index) => {
    const at = start + index * PHDR_SIZE;
    return {
      type: view.getUint32(at + PHDR.p_type, true),
      offset: word(view, at + PHDR.p_offset),
      address: word(view, at + PHDR.p_vaddr),
      inFile: word(view, at + PHDR.p_filesz),
      inMemory: word(view, at + PHDR.p_memsz),
      bytes: file.slice(at, at + PHDR_SIZE),
    };
  });
}

function only(segments: readonly Segment[], type: number, what: string): Segment {
  const found = segments.find((segment) => segment.type === type);
  if (found === undefined) throw new Error(`graft: the executable has no ${what}`);
  return found;
}

/** The address of the value of DT_DEBUG. */
function debugAt(file: Uint8Array, { offset, address, inFile }: Segment): number {
  const view = viewOf(file);
  for (let at = 0; at < inFile; at += 16) {
    const tag = word(view, offset + at);
    if (tag === DT_DEBUG) return address + at + 8;
    if (tag === DT_NULL) break;
  }
  throw new Error("graft: the dynamic section has no DT_DEBUG");
}

/** Room between the executable and what is added: what is grown there would meet it. */
const ALIGNMENT = 2 ** 21;

/**
 * How the executable is begun, and the address where a program can be put into it; undefined for one that has
 * no fixed addresses (ET_DYN): the program could not know them.
 */
export function successorOf(file: Uint8Array): (Successor & { readonly base: number }) | undefined {
  const view = viewOf(file);
  if (view.getUint16(EHDR.e_type, true) !== ET_EXEC) return undefined;
  const segments = segmentsOf(file);
  const linker = only(segments, PT_INTERP, "dynamic linker");
  const end = Math.max(...loaded(segments).map(({ address, inMemory }) => address + inMemory));
  return {
    entry: word(view, EHDR.e_entry),
    linker: new TextDecoder().decode(file.subarray(linker.offset, linker.offset + linker.inFile - 1)),
    // Of a table that is not where PT_PHDR says, the linker would think that all is elsewhere.
    headers: joined(segments.filter(({ type }) => type !== PT_PHDR)),
    debugAt: debugAt(file, only(segments, PT_DYNAMIC, "dynamic section")),
    base: Math.ceil(end / ALIGNMENT) * ALIGNMENT,
  };
}

const loaded = (segments: readonly Segment[]): Segment[] => segments.filter(({ type }) => type === PT_LOAD);

function joined(segments: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(segments.length * PHDR_SIZE);
  for (const [index, segment] of segments.entries()) bytes.set(segment.bytes, index * PHDR_SIZE);
  return bytes;
}

/** A segment of a file that lies so many bytes further behind. */
function moved(segment: Segment, bytes: number): Segment {
  const header = segment.bytes.slice();
  viewOf(header).setBigUint64(PHDR.p_offset, BigInt(segment.offset + bytes), true);
  return { ...segment, bytes: header };
}

const HIDDEN = [PT_INTERP, PT_NOTE, PT_LOAD, PT_PHDR];

/** The executable with the program, which was emitted for the base that successorOf() gave. */
export function graft(file: Uint8Array, program: Uint8Array, arch: Arch): Uint8Array {
  const at = Math.ceil(file.length / LARGEST_PAGE[arch]) * LARGEST_PAGE[arch];
  const segments = segmentsOf(file);
  // In this order by elf(5): what is loaded by ascending addresses, and PT_PHDR before it.
  const table = [
    ...segments.filter(({ type }) => type === PT_PHDR),
    ...loaded(segments),
    ...loaded(segmentsOf(program)).map((segment) => moved(segment, at)),
    ...segments.filter(({ type }) => !HIDDEN.includes(type)),
  ];
  if (table.length > segments.length) throw new Error("graft: the executable has too few program headers");
  const result = new Uint8Array(at + program.length);
  result.set(file);
  result.set(program, at);
  const view = viewOf(result);
  const start = word(view, EHDR.e_phoff);
  result.fill(PT_NULL, start, start + segments.length * PHDR_SIZE);
  result.set(joined(table), start);
  view.setBigUint64(EHDR.e_entry, BigInt(word(viewOf(program), EHDR.e_entry)), true);
  return result;
}
