/** --pid-file of `create` and of a detached `exec`. */
import { writeFile } from "../host/fd.ts";
import { rename, unlink } from "../host/path.ts";

/** Written whole or not at all: whoever waits for the file reads all of it. */
export function writePidFile(path: string, pid: number): void {
  const temporary = `${path}.hutch`;
  try {
    writeFile(temporary, `${pid}`, { mode: 0o644 });
    rename(temporary, path);
  } catch (error) {
    unlink(temporary);
    throw error;
  }
}
