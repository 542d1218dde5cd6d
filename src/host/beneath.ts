/** Opening what lies below a hostile directory: no symlink is followed, and nothing leads out of it. */
import { O_CLOEXEC, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/fcntl.ts";
import { errnoOf, failed, syscall, syscallError } from "./syscall.ts";

/** struct open_how: flags, mode, resolve. */
const HOW_SIZE = 24;
/** A rename that races with the look-up is answered by EAGAIN (openat2(2)). */
const ATTEMPTS = 100;

/** A new descriptor of `path` below the directory; `root` is how messages name that. */
export function openBeneath(directory: number, path: string, flags: number, root: string): number {
  const how = new BigUint64Array(new ArrayBuffer(HOW_SIZE));
  how[0] = BigInt(flags | O_CLOEXEC);
  how[2] = BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  const bytes = new Uint8Array(how.buffer);
  let result = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    result = syscall("openat2", directory, path, bytes, HOW_SIZE);
    if (!failed(result)) return result;
    if (errnoOf(result) !== "EAGAIN") break;
  }
  throw syscallError(`open ${root}/${path} (RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS)`, result);
}
