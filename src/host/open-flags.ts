/** The flags of open(2) by name, for messages. */
import {
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DSYNC,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  openFlags,
} from "../linux/fcntl.ts";
import { hostArch } from "./libc.ts";

/** Longer flags before those they contain: O_TMPFILE has the bit of O_DIRECTORY, O_SYNC that of O_DSYNC. */
function table(): readonly (readonly [string, number])[] {
  const { O_TMPFILE, O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE } = openFlags(hostArch());
  return Object.entries({
    O_WRONLY,
    O_RDWR,
    O_PATH,
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_DSYNC,
    O_TMPFILE,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_DIRECT,
    O_LARGEFILE,
    O_NOATIME,
    O_CLOEXEC,
  });
}

/** "O_WRONLY|O_CREAT|O_CLOEXEC"; bits without a name at the end, in hexadecimal. */
export function openFlagNames(flags: number): string {
  const names: string[] = [];
  let left = flags;
  for (const [name, bits] of table()) {
    if ((left & bits) !== bits) continue;
    names.push(name);
    left &= ~bits;
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`);
  // O_RDONLY is 0: it is meant where neither of the others is given.
  if ((flags & (O_WRONLY | O_RDWR | O_PATH)) === 0) names.unshift("O_RDONLY");
  return names.join("|");
}
