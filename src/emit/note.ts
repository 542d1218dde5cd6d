/** Reads the notes of an ELF executable back, as elf.ts writes them (elf(5)). */
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";

const MAGIC = 0x7f454c46;
const PT_NOTE = 4;
const MACHINES: Readonly<Record<number, Arch>> = { 62: "x86_64", 183: "aarch64" };
const HEADER = { e_machine: 18, e_phoff: 32, e_shoff: 40, e_phentsize: 54, e_phnum: 56 } as const;
const SEGMENT = { p_type: 0, p_offset: 8, p_filesz: 32 } as const;

/** More than a program of ours has of segments and of notes: who has more is searched no further. */
const MOST = 64;

export interface ReadNotes {
  readonly arch: Arch;
  /** By the name of their owner. */
  readonly notes: ReadonlyMap<string, Uint8Array>;
  /** True when it has a table of sections, which linkers write and programs of hutch never have. */
  readonly hasSections: boolean;
}

/** The processor and the notes of an executable; undefined when the bytes are none. */
export function readNotes(file: Uint8Array): ReadNotes | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 64 || view.getUint32(0) !== MAGIC) return undefined;
  const arch = MACHINES[view.getUint16(HEADER.e_machine, true)];
  if (arch === undefined) return undefined;
  try {
    return {
      arch,
      notes: notesIn(file, view),
      hasSections: view.getBigUint64(HEADER.e_shoff, true) !== 0n,
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HutchError({
      operation: "read the notes of the program",
      reason: "it is damaged",
      cause: error,
    });
  }
}

/** Of all 32 bits, which the operators of JavaScript would take for a sign. */
const align = (size: number): number => Math.ceil(size / 4) * 4;

function notesIn(file: Uint8Array, view: DataView): Map<string, Uint8Array> {
  const notes = new Map<string, Uint8Array>();
  const first = Number(view.getBigUint64(HEADER.e_phoff, true));
  const size = view.getUint16(HEADER.e_phentsize, true);
  const count = view.getUint16(HEADER.e_phnum, true);
  if (count > MOST) throw new RangeError("too many segments");
  let found = 0;
  for (let index = 0; index < count; index++) {
    const segment = first + index * size;
    if (view.getUint32(segment + SEGMENT.p_type, true) !== PT_NOTE) continue;
    let at = Number(view.getBigUint64(segment + SEGMENT.p_offset, true));
    const end = at + Number(view.getBigUint64(segment + SEGMENT.p_filesz, true));
    for (; at < end; found++) {
      if (found === MOST) throw new RangeError("too many notes");
      const [name, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      const content = at + 12 + align(name);
      const owner = new TextDecoder().decode(file.subarray(at + 12, at + 12 + name - 1));
      notes.set(owner, file.slice(content, content + length));
      at = content + align(length);
    }
  }
  return notes;
}
