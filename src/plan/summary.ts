/**
 * What `start` and `delete` need to know of a container, in a form that a program without a JSON parser reads:
 * a file beside the record, written whole when the container is created. It is there only where the entry
 * program (see entry.ts) can do all that is to be done: a container with hooks that come later has none.
 *
 * In the file: the mark, the pid of init (8 bytes, little-endian), the directories of the cgroups, each with
 * a NUL behind it, and one NUL more.
 */

/** The names of the files. */
export const SUMMARY = "summary";
export const RECORD = "record.json";
/**
 * The socket that init reads until `start` sends to it; gone when it has been started. No FIFO: whoever looks
 * into the directory would wait at it, and could take what `start` writes to it away from init.
 */
export const START = "start";

/** Another form of the file gets another mark. */
export const MARK = "hutch 1";
export const PID_AT = 8;
export const CGROUPS_AT = 16;
/** The longest file; one that would be longer is not written. */
export const SUMMARY_MAX = 8191;

/** The content of the file, or undefined when it does not fit. */
export function summaryOf(pid: number, cgroups: readonly string[]): Uint8Array | undefined {
  const paths = new TextEncoder().encode(`${cgroups.map((path) => `${path}\0`).join("")}\0`);
  if (CGROUPS_AT + paths.length > SUMMARY_MAX) return undefined;
  const file = new Uint8Array(new ArrayBuffer(CGROUPS_AT + paths.length));
  new TextEncoder().encodeInto(MARK, file);
  new DataView(file.buffer).setBigUint64(PID_AT, BigInt(pid), true);
  file.set(paths, CGROUPS_AT);
  return file;
}
