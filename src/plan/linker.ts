/** Mapping a dynamic linker, as the kernel does (load_elf_interp in fs/binfmt_elf.c). */
import { EHDR, PHDR, PHDR_SIZE, PT_LOAD } from "../linux/elf.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_NONE } from "../linux/mman.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import type { Step } from "./step.ts";

/** The size of a page: to be set before. */
export const PAGE = slot("page");
/** Where the linker lies, and where it begins. */
export const BASE = slot("base");
export const ENTRY = slot("entry");

/** The start of the file: the ELF header, and the program headers behind it. */
const HEAD = buffer("head of the dynamic linker", 4096);

const file = slot("dynamic linker");
const first = slot("first program header");
const last = slot("end of the program headers");
const header = slot("program header");
const type = slot("type of the segment");
const address = slot("address of the segment");
const inMemory = slot("size of the segment in memory");

export const mapLinker = (path: string): Step[] => [
  ...open(`read the dynamic linker ${path}`, path),
  ...reserve(),
  ...eachSegment("map", mapSegment()),
  call("close the dynamic linker", "close", [file]),
  load(ENTRY, HEAD, EHDR.e_entry, 8),
  compute(ENTRY, ENTRY, "add", BASE),
];

const open = (why: string, path: string): Step[] => [
  call(why, "openat", [AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0], {
    into: file,
    hints: { ENOENT: "hutch needs the C library that it was built for" },
  }),
  call(why, "pread64", [file, HEAD, HEAD.size, 0]),
  load(first, HEAD, EHDR.e_phoff, 8),
  load(last, HEAD, EHDR.e_phnum, 2),
  // × 56 = × 64 − × 8.
  compute(header, last, "shl", 3),
  compute(last, last, "shl", 6),
  compute(last, last, "sub", header),
  compute(last, last, "add", first),
  branch(last, "le", HEAD.size, "program headers are read"),
  { kind: "fail", message: `${why}: its program headers lie too far behind` },
  label("program headers are read"),
  set(header, HEAD),
  compute(first, first, "add", header),
  compute(last, last, "add", header),
];

/** Does the steps for every segment that is loaded; `key` is unique. */
const eachSegment = (key: string, steps: readonly Step[]): Step[] => [
  set(header, first),
  label(key),
  branch(header, "ge", last, `${key} is done`),
  load(type, header, PHDR.p_type, 4),
  branch(type, "ne", PT_LOAD, `${key} next`),
  load(address, header, PHDR.p_vaddr, 8),
  load(inMemory, header, PHDR.p_memsz, 8),
  ...steps,
  label(`${key} next`),
  compute(header, header, "add", PHDR_SIZE),
  jump(key),
  label(`${key} is done`),
];

/** Finds room for all segments at once; they come in the order of their addresses. */
function reserve(): Step[] {
  const start = slot("first address");
  const size = slot("size of the dynamic linker");
  return [
    set(start, -1),
    ...eachSegment("measure", [
      branch(start, "ge", 0, "first is known"),
      set(start, address),
      label("first is known"),
      compute(size, address, "add", inMemory),
    ]),
    compute(size, size, "sub", start),
    call(
      "make room for the dynamic linker",
      "mmap",
      [0, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0],
      {
        into: BASE,
      },
    ),
    compute(BASE, BASE, "sub", start),
  ];
}

function mapSegment(): Step[] {
  const [flags, protection] = [slot("flags of the segment"), slot("protection")];
  const [offset, inFile] = [slot("offset in the file"), slot("size in the file")];
  const [skew, start, zeros, end] = [slot("place in the page"), slot("start"), slot("zeros"), slot("end")];
  const fixed = MAP_PRIVATE | MAP_FIXED;
  const why = "map the dynamic linker";
  return [
    // PF_X and PF_R are the values of PROT_READ and PROT_EXEC.
    load(flags, header, PHDR.p_flags, 4),
    compute(protection, flags, "shr", 2),
    compute(protection, protection, "and", 1),
    compute(skew, flags, "and", 1),
    compute(skew, skew, "shl", 2),
    compute(protection, protection, "or", skew),
    compute(flags, flags, "and", 2),
    compute(protection, protection, "or", flags),
    // Whole pages are mapped.
    load(offset, header, PHDR.p_offset, 8),
    load(inFile, header, PHDR.p_filesz, 8),
    compute(skew, PAGE, "sub", 1),
    compute(skew, skew, "and", address),
    compute(offset, offset, "sub", skew),
    compute(start, address, "sub", skew),
    compute(start, start, "add", BASE),
    compute(inFile, inFile, "add", skew),
    compute(inMemory, inMemory, "add", skew),
    call(why, "mmap", [start, inFile, protection, fixed, file, offset]),
    // What the file does not fill is zero: the rest of its last page, and pages without a file.
    branch(inMemory, "le", inFile, "map next"),
    compute(zeros, start, "add", inFile),
    compute(end, zeros, "add", PAGE),
    compute(end, end, "sub", 1),
    compute(skew, 0, "sub", PAGE),
    compute(end, end, "and", skew),
    label("zero"),
    branch(zeros, "ge", end, "zeros are written"),
    store(zeros, 0, 1, 0),
    compute(zeros, zeros, "add", 1),
    jump("zero"),
    label("zeros are written"),
    compute(end, start, "add", inMemory),
    branch(zeros, "ge", end, "map next"),
    compute(end, end, "sub", zeros),
    call(why, "mmap", [zeros, end, protection, fixed | MAP_ANONYMOUS, -1, 0]),
  ];
}
