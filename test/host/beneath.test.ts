import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBeneath } from "../../src/host/beneath.ts";
import { close, open, readAt, using, writeAt } from "../../src/host/fd.ts";
import { O_CREAT, O_PATH, O_RDONLY, O_RDWR } from "../../src/linux/fcntl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("what lies below is opened, what leads out or by a symlink is not", () => {
  const root = temporaryDirectory("beneath");
  mkdirSync(join(root, "directory"));
  writeFileSync(join(root, "directory/file"), "text");
  symlinkSync("directory", join(root, "link"));
  symlinkSync("/etc/passwd", join(root, "out"));
  using(open(root, O_PATH), (fd) => {
    const opened = openBeneath(fd, "directory/file", O_RDONLY, root);
    const bytes = new Uint8Array(4);
    expect(readAt(opened, bytes, 0, "file")).toBe(4);
    expect(new TextDecoder().decode(bytes)).toBe("text");
    close(opened);
    for (const path of ["link/file", "out", "../", "/etc/passwd", "directory/../../etc"]) {
      expect(() => openBeneath(fd, path, O_RDONLY, root)).toThrow(/ELOOP|EXDEV/);
    }
    expect(() => openBeneath(fd, "nothing", O_RDONLY, root)).toThrow(`open ${root}/nothing`);
  });
});

test("bytes are written and read at their place; what is not there is not read", () => {
  const path = join(temporaryDirectory("beneath"), "file");
  using(open(path, O_RDWR | O_CREAT, 0o600), (fd) => {
    writeAt(fd, new Uint8Array([1, 2, 3]), 5, path);
    const bytes = new Uint8Array(new ArrayBuffer(10));
    expect(readAt(fd, bytes, 4, path)).toBe(4);
    expect([...bytes.subarray(0, 4)]).toEqual([0, 1, 2, 3]);
  });
});
