/**
 * The root of a packed file for who may mount no image: it is made anew in a tmpfs, which a user namespace
 * may have, from a list that stands behind the image. The list says what is made, in which order, and where
 * in the image its data lies; one loop goes through it, however long it is.
 *
 * The loop works in a chroot of the tmpfs: whatever a forged list says, nothing else can be reached by a
 * name.
 */
import type { Arch } from "../linux/arch.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_PATH,
  O_WRONLY,
  openFlags,
} from "../linux/fcntl.ts";
import { MAP_PRIVATE, PROT_READ } from "../linux/mman.ts";
import { UTIME_OMIT } from "../linux/stat.ts";
import { branch, call, compute, jump, label, load, set, slot, struct } from "./build.ts";
import { makeFileSystem } from "./filesystem.ts";
import { PACK_FILE, PACKED } from "./pack.ts";
import type { Call, Step } from "./step.ts";

/**
 * Where the fields of a record begin, in bytes, little-endian. `size` (4) is that of the whole record; `kind`
 * and `flags` have 1 byte, `mode` (with S_IFMT) 2, `seconds` 8, the others 4. `second` is how far from its
 * start the record holds what else belongs to its kind; the name ends with NUL.
 */
export const RECORD = {
  size: 0,
  kind: 4,
  flags: 5,
  mode: 6,
  seconds: 8,
  nanoseconds: 16,
  uid: 20,
  gid: 24,
  second: 28,
  name: 32,
} as const;

/** What a record makes; what `second` is the place of. */
export const KIND = {
  /** The end of the directory that was made last and has not ended; its name is ".". */
  leave: 0,
  /** What follows is in it. */
  directory: 1,
  /** The pieces of its data, up to the record's end. */
  file: 2,
  /** Its target. */
  symlink: 3,
  /** The path of a file that is there already. */
  link: 4,
  /** A FIFO or a socket. */
  special: 5,
  /** The name of an extended attribute; `seconds` is the place of its value, `nanoseconds` the length. */
  attribute: 6,
} as const;

export const FLAG = { ownedByRoot: 1, plainMode: 2 } as const;

/** A piece of a file: where it is in the image, where in the file, and its length; 8 bytes each. */
export const PIECE = { from: 0, at: 8, length: 16 } as const;
export const PIECE_SIZE = 24;

/** So many zeros end the list: what is read of a record that is damaged is in the file, too. */
export const LIST_TAIL = 32;

const WHY = "unpack the root";
const [BASE, AT, NEXT, END] = [slot("image"), slot("record"), slot("next record"), slot("end of records")];
const [KIND_OF, FLAGS, MODE] = [slot("kind"), slot("flags"), slot("mode")];
const [NAME, SECOND] = [slot("entry"), slot("of entry")];
const FILE = slot("unpacked file");

const MEMORY = "it is unpacked into memory, of which it may take half; as root it is mounted instead";
const HINTS = {
  ENOSPC: MEMORY,
  ENOMEM: MEMORY,
  EFBIG: "RLIMIT_FSIZE is smaller than this file of the root: ulimit -f unlimited",
  EFAULT: "the file is damaged",
} as const;

/** A call for the entry, which a failure names. */
const forEntry = (name: Call["name"], args: Call["args"], special: Partial<Call> = {}): Step =>
  call(WHY, name, args, { hints: HINTS, subject: NAME, ...special });

const here = (name: Call["name"], ...rest: Call["args"]): Step => forEntry(name, [AT_FDCWD, NAME, ...rest]);

/** Writes the data of a file into it; what is not in a piece is a hole. */
function writePieces(): Step[] {
  const [from, at, length, count] = [slot("piece"), slot("piece at"), slot("piece length"), slot("written")];
  return [
    label("piece"),
    branch(SECOND, "ge", NEXT, "file written"),
    load(from, SECOND, PIECE.from, 8),
    load(at, SECOND, PIECE.at, 8),
    load(length, SECOND, PIECE.length, 8),
    compute(from, from, "add", BASE),
    compute(SECOND, SECOND, "add", PIECE_SIZE),
    label("rest of piece"),
    forEntry("pwrite64", [FILE, from, length, at], { into: count }),
    compute(from, from, "add", count),
    compute(at, at, "add", count),
    compute(length, length, "sub", count),
    branch(length, "gt", 0, "rest of piece"),
    jump("piece"),
    label("file written"),
    forEntry("close", [FILE]),
  ];
}

/** What is the same for all that has an owner, a mode and a time; the last, because writing changes them. */
function setAttributes(): Step[] {
  const [uid, gid, seconds, nanoseconds] = [slot("uid"), slot("gid"), slot("seconds"), slot("nanoseconds")];
  const times = struct("timespec", [
    ["atime.tv_sec", 8, 0],
    ["atime.tv_nsec", 8, UTIME_OMIT],
    ["mtime.tv_sec", 8, seconds],
    ["mtime.tv_nsec", 8, nanoseconds],
  ]);
  return [
    branch(FLAGS, "any", FLAG.ownedByRoot, "owner set"),
    load(uid, AT, RECORD.uid, 4),
    load(gid, AT, RECORD.gid, 4),
    // An id that is not mapped, as all but one are for an ordinary user: it stays the caller's.
    forEntry("fchownat", [AT_FDCWD, NAME, uid, gid, AT_SYMLINK_NOFOLLOW], { errors: { EINVAL: "ignore" } }),
    label("owner set"),
    branch(FLAGS, "any", FLAG.plainMode, "mode set"),
    here("fchmodat", MODE),
    label("mode set"),
    load(seconds, AT, RECORD.seconds, 8),
    load(nanoseconds, AT, RECORD.nanoseconds, 4),
    here("utimensat", times, AT_SYMLINK_NOFOLLOW),
    branch(KIND_OF, "ne", KIND.leave, "record done"),
    // Of the tmpfs itself there is nothing above.
    forEntry("chdir", [".."]),
  ];
}

/** Attributes that the kernel leaves to the host's root, or does not have in a tmpfs, are left out. */
function addAttribute(): Step[] {
  const [value, length] = [slot("seconds"), slot("nanoseconds")];
  const errors = { EPERM: "ignore", EACCES: "ignore", EOPNOTSUPP: "ignore", EINVAL: "ignore" } as const;
  return [
    load(value, AT, RECORD.seconds, 8),
    load(length, AT, RECORD.nanoseconds, 4),
    compute(value, value, "add", AT),
    forEntry("lsetxattr", [NAME, SECOND, value, length, 0], { errors }),
  ];
}

/** Makes what the records between NEXT and END say in the current directory. */
function makeEntries(arch: Arch): Step[] {
  const size = slot("record size");
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | openFlags(arch).O_NOFOLLOW;
  const done = jump("record done");
  return [
    label("record done"),
    set(AT, NEXT),
    branch(AT, "eq", END, "unpacked"),
    load(size, AT, RECORD.size, 4),
    compute(NEXT, AT, "add", size),
    branch(size, "lt", RECORD.name, "list is damaged"),
    branch(NEXT, "le", END, "record is whole"),
    label("list is damaged"),
    { kind: "fail", message: `${WHY}: the file is damaged` },
    label("record is whole"),
    load(KIND_OF, AT, RECORD.kind, 1),
    load(FLAGS, AT, RECORD.flags, 1),
    load(MODE, AT, RECORD.mode, 2),
    load(SECOND, AT, RECORD.second, 4),
    compute(SECOND, SECOND, "add", AT),
    compute(NAME, AT, "add", RECORD.name),
    ...Object.entries(KIND).map(([name, kind]) => branch(KIND_OF, "eq", kind, `make ${name}`)),
    jump("list is damaged"),
    label("make directory"),
    here("mkdirat", MODE),
    forEntry("chdir", [NAME]),
    done,
    label("make link"),
    forEntry("linkat", [AT_FDCWD, SECOND, AT_FDCWD, NAME, 0]),
    done,
    label("make attribute"),
    ...addAttribute(),
    done,
    label("make symlink"),
    forEntry("symlinkat", [SECOND, AT_FDCWD, NAME]),
    jump("make leave"),
    label("make special"),
    here("mknodat", MODE, 0),
    jump("make leave"),
    label("make file"),
    forEntry("openat", [AT_FDCWD, NAME, flags, MODE], { into: FILE }),
    ...writePieces(),
    label("make leave"),
    ...setAttributes(),
    done,
    label("unpacked"),
  ];
}

/** Where the image is in the file, and how long it and the list behind it are, in bytes. */
export interface Packed {
  readonly offset: number;
  readonly size: number;
  readonly list: number;
}

/** The image and the list as memory: no page is taken by it that the host has not in its cache. */
const mapImage = ({ offset, size, list }: Packed): Step[] => [
  call(WHY, "mmap", [0, size + list, PROT_READ, MAP_PRIVATE, PACK_FILE, offset], {
    into: BASE,
    hints: { ENOMEM: "the size of its memory is limited: ulimit -v" },
  }),
  call(WHY, "close", [PACK_FILE]),
  compute(NEXT, BASE, "add", size),
  compute(END, NEXT, "add", list - LIST_TAIL),
];

/** In init, in its new mount namespace: the root as a detached mount in PACKED, as `openPack` leaves it. */
export function unpackRoot(packed: Packed, arch: Arch): Step[] {
  const [directory, root] = [slot("directory before"), slot("root before")];
  const flags = O_PATH | O_CLOEXEC;
  return [
    ...makeFileSystem(WHY, { type: "tmpfs", source: "hutch", data: [], attributes: 0, into: PACKED }),
    ...mapImage(packed),
    call(WHY, "openat", [AT_FDCWD, ".", flags, 0], { into: directory }),
    call(WHY, "openat", [AT_FDCWD, "/", flags, 0], { into: root }),
    call(WHY, "fchdir", [PACKED]),
    call(WHY, "chroot", ["."]),
    ...makeEntries(arch),
    call(WHY, "fchdir", [root]),
    call(WHY, "chroot", ["."]),
    call(WHY, "fchdir", [directory]),
    ...[root, directory].map((each) => call(WHY, "close", [each])),
    call(WHY, "munmap", [BASE, packed.size + packed.list]),
  ];
}
