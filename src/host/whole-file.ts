/** A file that appears whole or not at all. */
import { HutchError } from "../linux/error.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  O_WRONLY,
  openFlags,
} from "../linux/fcntl.ts";
import { open, using } from "./fd.ts";
import { hostArch } from "./libc.ts";
import { fileKind, realPath, rename, unlink } from "./path.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

/** What file systems without O_TMPFILE say, and kernels without it (open(2)). */
const CANNOT: readonly (string | undefined)[] = ["EOPNOTSUPP", "EISDIR", "EINVAL"];

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "this user may not write to its directory",
  EROFS: "its directory is on a file system that is read-only",
};

/** What is asked for is the file: the name and the directory in which it is made first help nobody. */
function openNew(place: string, path: string, flags: number, mode: number): number {
  const fd = syscall("openat", AT_FDCWD, place, flags | O_RDWR | O_CLOEXEC, mode);
  if (!failed(fd) || CANNOT.includes(errnoOf(fd))) return fd;
  throw syscallError(`write ${path}`, fd, HINTS[errnoOf(fd) ?? ""]);
}

/** Gives the name to a file that has none; false when something has it. */
function linkTo(fd: number, name: string): boolean {
  const result = syscall("linkat", AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
  if (!failed(result)) return true;
  if (errnoOf(result) === "EEXIST") return false;
  throw syscallError(`write ${name}`, result);
}

/** Renames the finished file; what has its name is replaced. */
function putInPlace(temporary: string, place: string): void {
  try {
    rename(temporary, place);
  } catch (error) {
    unlink(temporary);
    throw error;
  }
}

/**
 * Puts a new file in the place of what has this name, also of a program that runs; `fill` writes it. A symlink
 * stays, and leads to the new file. What is no regular file (/dev/null, a pipe) stays too, and is written to.
 * Throws HutchError, and then nothing has changed. A signal that ends hutch leaves nothing behind, where the
 * file system has files without names (O_TMPFILE); elsewhere a file with the suffix .hutch-PID.
 */
export function replaceFile(path: string, mode: number, fill: (fd: number) => void): void {
  const kind = fileKind(path);
  if (kind !== undefined && kind !== "file") {
    using(open(path, O_WRONLY), fill);
    return;
  }
  const isLink = fileKind(path, { follow: false }) === "symlink";
  if (isLink && kind === undefined) {
    throw new HutchError({ operation: `write ${path}`, reason: "it is a symlink to what is not there" });
  }
  const place = isLink ? realPath(path) : path;
  const temporary = `${place}.hutch-${call("ask for the process id", "getpid")}`;
  const directory = place.slice(0, place.lastIndexOf("/") + 1) || ".";
  const nameless = openNew(directory, path, openFlags(hostArch()).O_TMPFILE, mode);
  if (!failed(nameless)) {
    using(nameless, (fd) => {
      fill(fd);
      if (kind === undefined && linkTo(fd, place)) return;
      // Only a name of our own: others may be able to put something there.
      if (!linkTo(fd, temporary)) throw new HutchError({ operation: `write ${temporary}`, errno: "EEXIST" });
      putInPlace(temporary, place);
    });
    return;
  }
  // Only a file of our own: others may be able to put a symlink there.
  const named = openNew(temporary, path, O_CREAT | O_EXCL, mode);
  if (failed(named)) throw syscallError(`write ${path}`, named);
  try {
    using(named, fill);
  } catch (error) {
    unlink(temporary);
    throw error;
  }
  putInPlace(temporary, place);
}
