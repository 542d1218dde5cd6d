import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import {
  close,
  open,
  openIfExists,
  readFile,
  readText,
  readTextIfExists,
  setNonblock,
  using,
  write,
  writeFile,
} from "../../src/host/fd.ts";
import { syscall } from "../../src/host/syscall.ts";
import {
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  O_APPEND,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../../src/linux/fcntl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("host");

test.each([0, 1, 4095, 4096, 4097, 100_000, 3_000_000])(
  "a file of %i bytes is read as it was written",
  (size) => {
    const path = `${directory}/size-${size}`;
    const bytes = new Uint8Array(size).map((_, index) => (index * 31) & 0xff);
    writeFile(path, bytes);
    expect(readFileSync(path).equals(bytes)).toBeTrue();
    expect(Buffer.from(readFile(path)).equals(bytes)).toBeTrue();
  },
);

test("a file of procfs is read whole although its size is 0", () => {
  expect(readText("/proc/self/status")).toContain(`Pid:\t${process.pid}\n`);
});

test("a file that is written anew is cut, has mode 0600, and the umask cannot add to it", () => {
  const path = `${directory}/anew`;
  writeFile(path, "a longer text");
  writeFile(path, "grüße");
  expect(readFileSync(path, "utf8")).toBe("grüße");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("writing with O_WRONLY alone makes no file", () => {
  const path = `${directory}/control`;
  expect(() => writeFile(path, "x", { flags: O_WRONLY })).toThrow(`open ${path} (O_WRONLY): ENOENT`);
  expect(existsSync(path)).toBeFalse();
});

test("an array that is a part of a larger one is written, not the larger one", () => {
  const path = `${directory}/part`;
  writeFile(path, new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3));
  expect([...readFileSync(path)]).toEqual([2, 3]);
});

test("a missing file is undefined where that is asked for, and an error that names path and flags elsewhere", () => {
  const path = `${directory}/missing`;
  expect(openIfExists(path, O_RDONLY)).toBeUndefined();
  expect(readTextIfExists(`${directory}/part/below-a-file`)).toBeUndefined();
  expect(() => readText(path)).toThrow(`open ${path} (O_RDONLY): ENOENT (no such file or directory)`);
});

test("a directory is not read as a file", () => {
  expect(() => readText(directory)).toThrow(`read ${directory}: EISDIR`);
});

test("every descriptor is close-on-exec and using closes it after an error", () => {
  let seen = -1;
  const fail = (fd: number): never => {
    seen = fd;
    expect(syscall("fcntl", fd, F_GETFD) & FD_CLOEXEC).toBe(FD_CLOEXEC);
    throw new Error("on purpose");
  };
  expect(() => using(open(directory, O_RDONLY), fail)).toThrow("on purpose");
  expect(existsSync(`/proc/self/fd/${seen}`)).toBeFalse();
});

test("a relative path starts at the descriptor it is given", () => {
  writeFileSync(`${directory}/relative`, "here");
  using(open(directory, O_RDONLY), (at) => {
    expect(readText("relative", at)).toBe("here");
    writeFile("made", "there", { at });
  });
  expect(readFileSync(`${directory}/made`, "utf8")).toBe("there");
});

test("a write that a full device refuses is reported with what was written", () => {
  expect(() => writeFile("/dev/full", "x", { flags: O_WRONLY })).toThrow(
    "write /dev/full: ENOSPC (no space left on device)",
  );
});

test("O_NONBLOCK is set and cleared and the other flags stay", () => {
  const fd = open(`${directory}/made`, O_WRONLY | O_APPEND);
  setNonblock(fd, true);
  expect(syscall("fcntl", fd, F_GETFL) & (O_NONBLOCK | O_APPEND)).toBe(O_NONBLOCK | O_APPEND);
  setNonblock(fd, false);
  expect(syscall("fcntl", fd, F_GETFL) & (O_NONBLOCK | O_APPEND)).toBe(O_APPEND);
  write(fd, new Uint8Array(0));
  close(fd);
});
