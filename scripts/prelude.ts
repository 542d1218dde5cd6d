/**
 * Puts a few instructions before the entry of a Bun executable: Bun ends with a core dump and a request to
 * report a bug where /proc is not mounted (its library wants the bounds of the stack from /proc/self/maps),
 * which is no help to whoever boots a machine.
 */

const MESSAGE =
  "hutch: /proc: ENOENT (no such file or directory); hint: mount -t proc proc /proc; hutch and Bun need it\n";
const PATH = "/proc/self/maps\0";
/** hutch itself failed, as everywhere. */
const EXIT_CODE = 125;

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PF_X = 1;
const PAGE = 4096n;

const ENTRY = 24;
const HEADER_TABLE = 32;
const HEADER_COUNT = 56;
const HEADER_SIZE = 56;
/** Of Elf64_Phdr (elf(5)). */
const FIELD = { type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40 } as const;

const int32 = (value: number): number[] => [value, value >> 8, value >> 16, value >> 24].map((x) => x & 255);

/**
 * access("/proc/self/maps", F_OK), and a jump to the program's own entry unless that says ENOENT. rdx, which
 * the loader hands over, is kept by the system call.
 */
function code(at: bigint, entry: bigint): Uint8Array {
  const text = [...new TextEncoder().encode(PATH), ...new TextEncoder().encode(MESSAGE)];
  const start = [0xb8, ...int32(21), 0x48, 0x8d, 0x3d]; // mov eax, access; lea rdi, [rip + path]
  const test = [0x31, 0xf6, 0x0f, 0x05, 0x83, 0xf8, 0xfe]; // xor esi, esi; syscall; cmp eax, -ENOENT
  const away = [0x0f, 0x85]; // jne entry
  const write = [0xb8, ...int32(1), 0xbf, ...int32(2), 0xba, ...int32(MESSAGE.length), 0x48, 0x8d, 0x35];
  const exit = [0x0f, 0x05, 0xb8, ...int32(231), 0xbf, ...int32(EXIT_CODE), 0x0f, 0x05];
  const jumpEnd = start.length + 4 + test.length + away.length + 4;
  const writeEnd = jumpEnd + write.length + 4;
  const texts = writeEnd + exit.length;
  return Uint8Array.from([
    ...start,
    ...int32(texts - (start.length + 4)),
    ...test,
    ...away,
    ...int32(Number(entry - at) - jumpEnd),
    ...write,
    ...int32(texts + PATH.length - writeEnd),
    ...exit,
    ...text,
  ]);
}

/**
 * Changes an executable in place: the code lies in the unused bytes before the segment of the entry, which
 * the kernel maps with it because they share a page. Returns whether it could; another machine's program, or
 * one without room, stays as it is.
 */
export function prepend(program: Uint8Array): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  if (view.getUint16(18, true) !== EM_X86_64) return false;
  const entry = view.getBigUint64(ENTRY, true);
  const table = Number(view.getBigUint64(HEADER_TABLE, true));
  const headers = Array.from(
    { length: view.getUint16(HEADER_COUNT, true) },
    (_, index) => table + index * HEADER_SIZE,
  );
  const read = (header: number, field: keyof typeof FIELD) => view.getBigUint64(header + FIELD[field], true);
  const isCode = (header: number) =>
    view.getUint32(header + FIELD.type, true) === PT_LOAD &&
    (view.getUint32(header + FIELD.flags, true) & PF_X) !== 0 &&
    entry >= read(header, "vaddr") &&
    entry < read(header, "vaddr") + read(header, "filesz");
  const header = headers.find(isCode);
  if (header === undefined) return false;
  const length = BigInt(code(entry, entry).length);
  const room = (length + 15n) & ~15n;
  const offset = read(header, "offset");
  const start = offset - room;
  const isFree = program.subarray(Number(start), Number(offset)).every((byte) => byte === 0);
  if (offset % PAGE < room || !isFree) return false;
  const address = read(header, "vaddr") - room;
  program.set(code(address, entry), Number(start));
  for (const field of ["offset", "vaddr", "paddr"] as const) {
    view.setBigUint64(header + FIELD[field], read(header, field) - room, true);
  }
  for (const field of ["filesz", "memsz"] as const) {
    view.setBigUint64(header + FIELD[field], read(header, field) + room, true);
  }
  view.setBigUint64(ENTRY, address, true);
  return true;
}
