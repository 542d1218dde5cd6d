import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { syscall } from "../../src/host/syscall.ts";
import { xattrsOf } from "../../src/host/xattr.ts";
import { testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("xattr");
const path = join(directory, "file");
writeFileSync(path, "");
const set = (name: string, value: Uint8Array) => syscall("setxattr", path, name, value, value.length, 0);
const reason =
  set("user.first", new Uint8Array([1, 2, 3])) < 0 ? "needs attributes of users in /tmp" : undefined;

testUnless(reason)("attributes are read with their values, of any length", () => {
  set("user.long", new Uint8Array(new ArrayBuffer(1000)).fill(5));
  const found = new Map(xattrsOf(path).map(({ name, value }) => [name, value]));
  expect(found.get("user.first")).toEqual(new Uint8Array([1, 2, 3]));
  expect(found.get("user.long")).toEqual(new Uint8Array(1000).fill(5));
});

test("a symlink has none of what it leads to, and what is not there is an error", () => {
  symlinkSync("file", join(directory, "link"));
  expect(xattrsOf(join(directory, "link")).map(({ name }) => name)).not.toContain("user.first");
  expect(() => xattrsOf(join(directory, "nothing"))).toThrow("ENOENT");
});

testUnless(reason)("a name that is not UTF-8 is refused instead of left out", () => {
  const other = join(directory, "other");
  writeFileSync(other, "");
  const name = Uint8Array.from([..."user.", "\xff", "\0"].map((letter) => letter.charCodeAt(0)));
  expect(syscall("setxattr", other, name, name, 1, 0)).toBe(0);
  expect(() => xattrsOf(other)).toThrow("its name is not UTF-8");
});
