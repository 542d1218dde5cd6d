import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directories: string[] = [];

/** Makes a directory named hutch-NAME-…, open to other users, that is removed after the last test. */
export function temporaryDirectory(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `hutch-${name}-`));
  chmodSync(path, 0o755);
  directories.push(path);
  return path;
}

/** The mount points below a directory, the directory itself included. */
export function mountsBelow(directory: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}

/** Removes what temporaryDirectory made; called once by setup.ts. */
export function removeTemporaryDirectories(): void {
  for (const path of directories.splice(0)) {
    // Through a forgotten bind mount, removing would empty a directory of the host: the check of what is
    // left on the host reports the mount and the directory instead.
    if (mountsBelow(path).length === 0) rmSync(path, { recursive: true, force: true });
  }
}
