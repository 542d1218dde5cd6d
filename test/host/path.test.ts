import { expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { close, open } from "../../src/host/fd.ts";
import {
  absolutePath,
  fileKind,
  fileStatus,
  listDirectory,
  mkdir,
  mkdirAll,
  readLink,
  realPath,
  rename,
  rmdir,
  unlink,
} from "../../src/host/path.ts";
import { O_PATH } from "../../src/linux/fcntl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("host");
writeFileSync(`${directory}/file`, "12345", { mode: 0o640 });
symlinkSync("file", `${directory}/link`);
symlinkSync("nowhere", `${directory}/dangling`);
symlinkSync("loop", `${directory}/loop`);

test("the kind of a file is known, with the link at its end followed or not", () => {
  expect(fileKind(directory)).toBe("directory");
  expect(fileKind(`${directory}/file`)).toBe("file");
  expect(fileKind(`${directory}/link`)).toBe("file");
  expect(fileKind(`${directory}/link`, { follow: false })).toBe("symlink");
  expect(fileKind("/dev/null")).toBe("character");
});

test("what is missing has no kind, and what cannot be looked up is an error", () => {
  expect(fileKind(`${directory}/missing`)).toBeUndefined();
  expect(fileKind(`${directory}/file/below`)).toBeUndefined();
  expect(fileKind(`${directory}/dangling`)).toBeUndefined();
  expect(() => fileKind(`${directory}/loop`)).toThrow(`statx ${directory}/loop: ELOOP`);
});

test("the status is the one node:fs sees", () => {
  const expected = statSync(`${directory}/file`, { bigint: true });
  const status = fileStatus(`${directory}/file`);
  expect(status).toMatchObject({ mode: 0o640, size: 5, links: 1, inode: expected.ino });
  expect(status?.uid).toBe(Number(expected.uid));
  expect(fileStatus("/dev/null")?.special).toEqual({ major: 1, minor: 3 });
});

test("the status of a descriptor is that of its file", () => {
  const fd = open(`${directory}/file`, O_PATH);
  expect(fileStatus("", { at: fd })?.inode).toBe(statSync(`${directory}/file`, { bigint: true }).ino);
  close(fd);
});

test("a link of any length is read whole", () => {
  const long = `/${"x".repeat(200)}/${"y".repeat(200)}/${"z".repeat(200)}`;
  symlinkSync(long, `${directory}/long`);
  expect(readLink(`${directory}/long`)).toBe(long);
  expect(() => readLink(`${directory}/file`)).toThrow(`read the link ${directory}/file: EINVAL`);
});

test("a real path has no links left", () => {
  expect(realPath(`${directory}/../${directory.split("/").at(-1)}/./link`)).toBe(`${directory}/file`);
  expect(() => realPath(`${directory}/missing`)).toThrow("ENOENT");
});

test("a name that ends in (deleted) is no removed file", () => {
  writeFileSync(`${directory}/x (deleted)`, "");
  expect(realPath(`${directory}/x (deleted)`)).toBe(`${directory}/x (deleted)`);
});

test("a removed directory has no real path", () => {
  mkdirSync(`${directory}/gone`);
  const fd = open(`${directory}/gone`, O_PATH);
  rmdirSync(`${directory}/gone`);
  expect(readlinkSync(`/proc/self/fd/${fd}`)).toEndWith(" (deleted)");
  expect(() => realPath(`/proc/self/fd/${fd}`)).toThrow("ENOENT");
  close(fd);
});

test("mkdir says whether it made the directory", () => {
  expect(mkdir(`${directory}/made`, 0o700)).toBeTrue();
  expect(mkdir(`${directory}/made`, 0o700)).toBeFalse();
  expect(() => mkdir(`${directory}/a/b`, 0o700)).toThrow(`mkdir ${directory}/a/b: ENOENT`);
});

test("mkdirAll makes what is missing and refuses a file in the way", () => {
  mkdirAll(`${directory}/deep/er/still`, 0o755);
  expect(fileKind(`${directory}/deep/er/still`)).toBe("directory");
  expect(() => mkdirAll(`${directory}/file/x`, 0o755)).toThrow("ENOTDIR");
  expect(() => mkdirAll(`${directory}/file`, 0o755)).toThrow("ENOTDIR");
});

test("mkdirAll makes a name without a slash below the current directory, and no part of it", () => {
  const before = process.cwd();
  process.chdir(directory);
  try {
    mkdirAll("plain", 0o755);
    mkdirAll("plain/below/", 0o755);
  } finally {
    process.chdir(before);
  }
  expect(fileKind(`${directory}/plain/below`)).toBe("directory");
  expect(fileKind(`${directory}/plai`)).toBeUndefined();
});

test("removing says whether there was something", () => {
  writeFileSync(`${directory}/old`, "");
  expect(unlink(`${directory}/old`)).toBeTrue();
  expect(unlink(`${directory}/old`)).toBeFalse();
  mkdirSync(`${directory}/empty`);
  expect(rmdir(`${directory}/empty`)).toBeTrue();
  expect(rmdir(`${directory}/empty`)).toBeFalse();
  expect(() => rmdir(directory)).toThrow(`rmdir ${directory}: ENOTEMPTY`);
});

test("rename replaces what had the name", () => {
  writeFileSync(`${directory}/new`, "new");
  writeFileSync(`${directory}/target`, "old one");
  rename(`${directory}/new`, `${directory}/target`);
  expect(fileStatus(`${directory}/target`)?.size).toBe(3);
  expect(fileKind(`${directory}/new`)).toBeUndefined();
});

test("a directory of thousands of entries is listed without a gap", () => {
  const many = `${directory}/many`;
  mkdirSync(many);
  for (let index = 0; index < 2000; index++) writeFileSync(`${many}/${"n".repeat(20)}-ü-${index}`, "");
  expect(
    listDirectory(many)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(readdirSync(many).sort());
});

test("entries come with their kind", () => {
  const kinds = Object.fromEntries(listDirectory(directory).map(({ name, kind }) => [name, kind]));
  expect(kinds).toMatchObject({ file: "file", link: "symlink", dangling: "symlink", deep: "directory" });
  expect(Object.keys(kinds)).not.toContain("..");
});

test("a path is made absolute as text, from the current directory on", () => {
  expect(absolutePath("/a//b/./c/../d/")).toBe("/a/b/d");
  expect(absolutePath("/../a")).toBe("/a");
  expect(absolutePath("x/y")).toBe(`${process.cwd()}/x/y`);
  expect(absolutePath(".")).toBe(process.cwd());
});
