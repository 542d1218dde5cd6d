/** What a path names: its kind, its target, its entries; and making and removing it. */
import { HutchError } from "../linux/error.ts";
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  openFlags,
} from "../linux/fcntl.ts";
import { STATX_BASIC_STATS, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { close, open, using } from "./fd.ts";
import { hostArch } from "./libc.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

export type FileKind = "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket";

/** What statx(2) says of a file. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Permission bits, set-id bits and the sticky bit. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes. */
  readonly size: number;
  readonly links: number;
  readonly inode: bigint;
  /** Time of the last modification, in nanoseconds since 1970. */
  readonly modified: bigint;
  /**
   * Time of the last reading, in nanoseconds since 1970; on a mount with relatime (mount(8)) only the first
   * reading after a modification counts, and one a day.
   */
  readonly accessed: bigint;
  /** The device the file is on. */
  readonly device: { readonly major: number; readonly minor: number };
  /** The device the file is, when it is one. */
  readonly special: { readonly major: number; readonly minor: number };
}

/** By S_IFMT >> 12. */
const KINDS: Readonly<Record<number, FileKind>> = {
  1: "fifo",
  2: "character",
  4: "directory",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
};

function kindOf(mode: number, path: string): FileKind {
  const kind = KINDS[mode >> 12];
  if (kind === undefined) throw new HutchError({ operation: `statx ${path}`, reason: "is of no known kind" });
  return kind;
}

/** Where a path starts, and whether a symlink at its end is followed. */
export interface LookUp {
  readonly at?: number;
  /** Default true. */
  readonly follow?: boolean;
}

/** The status of a file, or undefined when there is none (ENOENT, ENOTDIR). */
export function fileStatus(
  path: string,
  { at = AT_FDCWD, follow = true }: LookUp = {},
): FileStatus | undefined {
  const view = new DataView(new ArrayBuffer(STATX_SIZE_OF));
  const flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (path === "" ? AT_EMPTY_PATH : 0);
  const result = syscall("statx", at, path, flags, STATX_BASIC_STATS, new Uint8Array(view.buffer));
  if (failed(result)) {
    const errno = errnoOf(result);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw syscallError(`statx ${path}`, result);
  }
  const at32 = (field: keyof typeof STATX_OFFSETS): number => view.getUint32(STATX_OFFSETS[field], true);
  const time = (name: "atime" | "mtime"): bigint =>
    view.getBigInt64(STATX_OFFSETS[`stx_${name}_sec`], true) * 1_000_000_000n +
    BigInt(at32(`stx_${name}_nsec`));
  const mode = view.getUint16(STATX_OFFSETS.stx_mode, true);
  return {
    kind: kindOf(mode, path),
    mode: mode & 0o7777,
    uid: at32("stx_uid"),
    gid: at32("stx_gid"),
    size: Number(view.getBigUint64(STATX_OFFSETS.stx_size, true)),
    links: at32("stx_nlink"),
    inode: view.getBigUint64(STATX_OFFSETS.stx_ino, true),
    modified: time("mtime"),
    accessed: time("atime"),
    device: { major: at32("stx_dev_major"), minor: at32("stx_dev_minor") },
    special: { major: at32("stx_rdev_major"), minor: at32("stx_rdev_minor") },
  };
}

/** The kind of a file, or undefined when there is none. */
export function fileKind(path: string, lookUp?: LookUp): FileKind | undefined {
  return fileStatus(path, lookUp)?.kind;
}

const W_OK = 2;

/** True when the effective user may write to a file. */
export const isWritable = (path: string): boolean =>
  !failed(syscall("faccessat2", AT_FDCWD, path, W_OK, AT_EACCESS));

/** The target of a symlink as it is written there. */
export function readLink(path: string, at = AT_FDCWD): string {
  for (let size = 256; ; size *= 4) {
    const bytes = new Uint8Array(new ArrayBuffer(size));
    const length = call(`read the link ${path}`, "readlinkat", at, path, bytes, size);
    // A full buffer may hold a cut target.
    if (length < size) return new TextDecoder().decode(new Uint8Array(bytes.buffer, 0, length));
  }
}

/** The absolute path of a file without symlinks, as the kernel knows it. */
export function realPath(path: string, at = AT_FDCWD): string {
  return using(open(path, O_PATH, 0, at), (fd) => {
    // The kernel appends " (deleted)", which a name may also end in.
    if (fileStatus("", { at: fd })?.links === 0)
      throw new HutchError({ operation: `resolve ${path}`, errno: "ENOENT" });
    return readLink(`/proc/self/fd/${fd}`);
  });
}

/** A path from the root on, without . and .. and doubled slashes; as text, so that nothing need be there. */
export function absolutePath(path: string): string {
  const names: string[] = [];
  for (const name of `${path.startsWith("/") ? "" : readLink("/proc/self/cwd")}/${path}`.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** Makes a directory; false when something of that name exists already. */
export function mkdir(path: string, mode: number, at = AT_FDCWD): boolean {
  const result = syscall("mkdirat", at, path, mode);
  if (!failed(result)) return true;
  if (errnoOf(result) === "EEXIST") return false;
  throw syscallError(`mkdir ${path}`, result);
}

/** Makes a directory and those above it that are missing. */
export function mkdirAll(path: string, mode: number): void {
  if (fileKind(path) === "directory") return;
  const slash = path.lastIndexOf("/");
  if (slash > 0) mkdirAll(path.slice(0, slash), mode);
  if (!mkdir(path, mode) && fileKind(path) !== "directory") {
    throw new HutchError({ operation: `mkdir ${path}`, errno: "ENOTDIR" });
  }
}

function remove(path: string, flags: number, at: number): boolean {
  const result = syscall("unlinkat", at, path, flags);
  if (!failed(result)) return true;
  if (errnoOf(result) === "ENOENT") return false;
  throw syscallError(`${flags === AT_REMOVEDIR ? "rmdir" : "unlink"} ${path}`, result);
}

/** Removes a name that is not a directory; false when there is none. */
export function unlink(path: string, at = AT_FDCWD): boolean {
  return remove(path, 0, at);
}

/** Removes an empty directory; false when there is none. */
export function rmdir(path: string, at = AT_FDCWD): boolean {
  return remove(path, AT_REMOVEDIR, at);
}

/** Gives a file another name, and replaces what had that name, at once. */
export function rename(from: string, to: string): void {
  call(`rename ${from} to ${to}`, "renameat2", AT_FDCWD, from, AT_FDCWD, to, 0);
}

/** One name of a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/**
 * The entries of a directory, without "." and "..", in the order of the file system. A name that is not UTF-8
 * comes with U+FFFD in it, and cannot be opened by that.
 */
export function listDirectory(path: string, at = AT_FDCWD): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const fd = open(path, O_RDONLY | openFlags(hostArch()).O_DIRECTORY, 0, at);
  try {
    const buffer = new ArrayBuffer(32768);
    const bytes = new Uint8Array(buffer);
    const view = new DataView(buffer);
    for (;;) {
      const length = call(`list ${path}`, "getdents64", fd, bytes, buffer.byteLength);
      if (length === 0) return entries;
      for (let offset = 0; offset < length; offset += view.getUint16(offset + 16, true)) {
        // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name.
        const end = bytes.indexOf(0, offset + 19);
        const name = new TextDecoder().decode(bytes.subarray(offset + 19, end));
        if (name === "." || name === "..") continue;
        const kind = KINDS[bytes[offset + 18] ?? 0] ?? fileKind(name, { at: fd, follow: false });
        // Without a kind it was removed in the meantime.
        if (kind !== undefined) entries.push({ name, kind });
      }
    }
  } finally {
    close(fd);
  }
}
