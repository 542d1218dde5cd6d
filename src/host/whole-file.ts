/** A file that appears whole or not at all. */
import { O_CREAT, O_EXCL, O_RDWR, O_WRONLY } from "../linux/fcntl.ts";
import { open, using } from "./fd.ts";
import { fileKind, realPath, rename, unlink } from "./path.ts";
import { call } from "./syscall.ts";

/**
 * Puts a new file in the place of what has this name, also of a program that runs; `fill` writes it. A symlink
 * stays, and leads to the new file. What is no regular file (/dev/null, a pipe) stays too, and is written to.
 * Throws HutchError, and then nothing has changed.
 */
export function replaceFile(path: string, mode: number, fill: (fd: number) => void): void {
  const kind = fileKind(path);
  if (kind !== undefined && kind !== "file") {
    using(open(path, O_WRONLY), fill);
    return;
  }
  const place = kind !== undefined && fileKind(path, { follow: false }) === "symlink" ? realPath(path) : path;
  const temporary = `${place}.hutch-${call("ask for the process id", "getpid")}`;
  // Only a file of our own: others may be able to put a symlink there.
  const fd = open(temporary, O_RDWR | O_CREAT | O_EXCL, mode);
  try {
    using(fd, fill);
    rename(temporary, place);
  } catch (error) {
    unlink(temporary);
    throw error;
  }
}
