/**
 * Descriptors: open, read, write, whole files. By system calls, because node:fs costs a millisecond at
 * start.
 */

import { HutchError } from "../linux/error.ts";
import {
  AT_FDCWD,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  O_CLOEXEC,
  O_CREAT,
  O_NONBLOCK,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
} from "../linux/fcntl.ts";
import { openFlagNames } from "./open-flags.ts";
import { call, errnoOf, syscall, syscallError } from "./syscall.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A new descriptor, always close-on-exec; a relative path starts at the directory `at`. */
export function open(path: string, flags: number, mode = 0, at = AT_FDCWD): number {
  const fd = syscall("openat", at, path, flags | O_CLOEXEC, mode);
  if (fd < 0) throw syscallError(`open ${path} (${openFlagNames(flags)})`, fd);
  return fd;
}

/** Like open, but undefined when there is no such file (ENOENT, ENOTDIR). */
export function openIfExists(path: string, flags: number, at = AT_FDCWD): number | undefined {
  const fd = syscall("openat", at, path, flags | O_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const errno = errnoOf(fd);
  if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
  throw syscallError(`open ${path} (${openFlagNames(flags)})`, fd);
}

/** Closes a descriptor. What close reports is of no use: the number is free again in any case. */
export function close(fd: number): void {
  syscall("close", fd);
}

/** Runs `use` with a descriptor and closes it afterwards, whatever happens. */
export function using<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** Reads once into the array; the number of bytes, 0 at the end. */
export function read(fd: number, into: Uint8Array, what = `descriptor ${fd}`): number {
  for (;;) {
    const count = syscall("read", fd, into, into.byteLength);
    if (count >= 0) return count;
    if (errnoOf(count) !== "EINTR") throw syscallError(`read ${what}`, count);
  }
}

/** Writes all of the bytes; a file of procfs, sysfs or cgroupfs takes them in one call. */
export function write(fd: number, bytes: Uint8Array, what = `descriptor ${fd}`): void {
  let done = 0;
  while (done < bytes.byteLength) {
    // A view moves a small array once, when it is made, hence before its address is taken.
    const rest = done === 0 ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset + done);
    const length = bytes.byteLength - done;
    const count = syscall("write", fd, rest, length);
    if (count > 0) done += count;
    else if (count === 0) throw new HutchError({ operation: `write ${what}`, reason: "nothing was taken" });
    else if (errnoOf(count) !== "EINTR") throw syscallError(`write ${what}`, count);
  }
}

/** Writes all of the bytes at a place of a file. */
export function writeAt(fd: number, bytes: Uint8Array, at: number, what: string): void {
  for (let done = 0; done < bytes.byteLength; ) {
    const rest =
      done === 0 ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset + done, bytes.length - done);
    done += call(`write ${what}`, "pwrite64", fd, rest, rest.byteLength, at + done);
  }
}

/** Fills the array from a place of a file; the number of bytes, less only at its end. */
export function readAt(fd: number, into: Uint8Array, at: number, what: string): number {
  let done = 0;
  while (done < into.byteLength) {
    const rest = done === 0 ? into : new Uint8Array(into.buffer, into.byteOffset + done, into.length - done);
    const count = call(`read ${what}`, "pread64", fd, rest, rest.byteLength, at + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Everything that is left to read; the size is not asked for, because procfs says 0. */
export function readAll(fd: number, what?: string): Uint8Array {
  let bytes = new Uint8Array(new ArrayBuffer(4096));
  let length = 0;
  for (;;) {
    const count = read(fd, new Uint8Array(bytes.buffer, length), what);
    if (count === 0) return new Uint8Array(bytes.buffer, 0, length);
    length += count;
    if (length < bytes.byteLength) continue;
    const larger = new Uint8Array(new ArrayBuffer(bytes.byteLength * 4));
    larger.set(bytes);
    bytes = larger;
  }
}

/** Everything that is left to read; the descriptor is closed, whatever happens. */
function readAndClose(fd: number, path: string): Uint8Array {
  try {
    return readAll(fd, path);
  } finally {
    close(fd);
  }
}

/** The bytes of a file. */
export function readFile(path: string, at = AT_FDCWD): Uint8Array {
  return readAndClose(open(path, O_RDONLY, 0, at), path);
}

/** The text of a file of UTF-8; what is not UTF-8 becomes U+FFFD, and a byte order mark is left out. */
export function readText(path: string, at = AT_FDCWD): string {
  return decoder.decode(readFile(path, at));
}

/** The text of a file, or undefined when there is no such file. */
export function readTextIfExists(path: string, at = AT_FDCWD): string | undefined {
  const fd = openIfExists(path, O_RDONLY, at);
  return fd === undefined ? undefined : decoder.decode(readAndClose(fd, path));
}

/** Where and how writeFile writes. */
export interface WriteOptions {
  /** Default O_WRONLY|O_CREAT|O_TRUNC; a control file of the kernel wants O_WRONLY alone. */
  readonly flags?: number;
  /** The mode of a new file, before the umask; default 0600. */
  readonly mode?: number;
  readonly at?: number;
}

/** Writes a file whole. */
export function writeFile(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  const { flags = O_WRONLY | O_CREAT | O_TRUNC, mode = 0o600, at = AT_FDCWD } = options;
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  using(open(path, flags, mode, at), (fd) => write(fd, bytes, path));
}

/**
 * Sets or clears O_NONBLOCK, which belongs to the open file: every process that shares it sees the
 * change.
 */
export function setNonblock(fd: number, on: boolean): void {
  const flags = call(`get the flags of descriptor ${fd}`, "fcntl", fd, F_GETFL);
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) call(`set the flags of descriptor ${fd}`, "fcntl", fd, F_SETFL, wanted);
}

/**
 * True for a standard stream that the caller has closed. Bun has /dev/null there then, with a flag that no
 * inherited descriptor can have.
 */
export function wasClosed(fd: number): boolean {
  const flags = syscall("fcntl", fd, F_GETFD);
  return flags < 0 || (flags & FD_CLOEXEC) !== 0;
}

/** Lets a descriptor through the next exec; throws EBADF when it is not open. */
export function keepOverExec(fd: number): void {
  call(`hand on descriptor ${fd}`, "fcntl", fd, F_SETFD, 0);
}
