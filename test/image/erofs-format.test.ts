/** The structures against the kernel's erofs_fs.h, field by field. */
import { describe, expect, test } from "bun:test";
import {
  BLOCK,
  directoryBytes,
  directorySize,
  inodeBytes,
  LAYOUT,
  superBlock,
  xattrBytes,
} from "../../src/image/erofs-format.ts";

const PLAIN = { mode: 0o4755, uid: 100_000, gid: 70_000, modified: 1_500_000_000n, xattrs: [] };
const name = (text: string) => new TextEncoder().encode(text);
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test("the superblock lies at 1024, with the magic number and the number of the root", () => {
  const block = superBlock({ root: 128, inodes: 5, blocks: 9, built: 7n });
  const read = view(block);
  expect(block.length).toBe(BLOCK);
  expect(read.getUint32(1024, true)).toBe(0xe0f5e1e2);
  expect(read.getUint8(1024 + 12)).toBe(12);
  expect(read.getUint16(1024 + 14, true)).toBe(128);
  expect([read.getBigUint64(1040, true), read.getBigUint64(1048, true)]).toEqual([5n, 7n]);
  expect(read.getUint32(1024 + 36, true)).toBe(9);
});

describe("an inode", () => {
  const head = { number: 1, size: 5, links: 2, layout: LAYOUT.inline, block: 3, xattrSize: 0 };

  test("has ids of 32 bits, and its time in seconds and nanoseconds", () => {
    const read = view(inodeBytes({ ...PLAIN, kind: "file", size: 5, path: "" }, head));
    expect(read.getUint16(0, true)).toBe((2 << 1) | 1);
    expect(read.getUint16(4, true)).toBe(0o104755);
    expect(read.getBigUint64(8, true)).toBe(5n);
    expect([read.getUint32(24, true), read.getUint32(28, true)]).toEqual([100_000, 70_000]);
    expect([read.getBigInt64(32, true), read.getUint32(40, true)]).toEqual([1n, 500_000_000]);
    expect(read.getUint32(44, true)).toBe(2);
  });

  test("of before 1970 has a whole number of nanoseconds all the same", () => {
    const read = view(inodeBytes({ ...PLAIN, kind: "fifo", modified: -1n }, head));
    expect([read.getBigInt64(32, true), read.getUint32(40, true)]).toEqual([-1n, 999_999_999]);
  });

  test("of a device has its number in the kernel's packing", () => {
    const device = { major: 259, minor: 0x12345 };
    const read = view(inodeBytes({ ...PLAIN, kind: "block", device }, head));
    expect(read.getUint32(16, true)).toBe((0x45 | (259 << 8) | (0x12300 << 12)) >>> 0);
  });
});

describe("a directory", () => {
  test("has its names behind its entries", () => {
    const bytes = directoryBytes([
      { name: name("."), kind: "directory", number: 128 },
      { name: name("file"), kind: "file", number: 130 },
    ]);
    expect(bytes.length).toBe(2 * 12 + 5);
    const read = view(bytes);
    expect([read.getUint16(8, true), read.getUint16(20, true)]).toEqual([24, 25]);
    expect([read.getUint8(10), read.getUint8(22)]).toEqual([2, 1]);
    expect(new TextDecoder().decode(bytes.subarray(24))).toBe(".file");
  });

  test("of many entries fills blocks, none of which an entry lies across", () => {
    const entries = Array.from({ length: 200 }, (_, index) => ({
      name: name(`name-${index}-${"x".repeat(40)}`),
      kind: "file" as const,
      number: index,
    }));
    const bytes = directoryBytes(entries);
    expect(bytes.length).toBe(directorySize(entries));
    const read = view(bytes);
    let found = 0;
    for (let block = 0; block < bytes.length; block += BLOCK) found += read.getUint16(block + 8, true) / 12;
    expect(found).toBe(200);
  });
});

describe("extended attributes", () => {
  test("are in the order of their names, each at a multiple of four bytes", () => {
    const bytes = xattrBytes([
      { name: "user.b", value: new Uint8Array([1]) },
      { name: "security.capability", value: new Uint8Array(20) },
    ]);
    expect(bytes.length).toBe(12 + 4 + 10 + 20 + 2 + 4 + 1 + 1 + 2);
    expect([bytes[12], bytes[13]]).toEqual([10, 6]);
    expect(new TextDecoder().decode(bytes.subarray(16, 26))).toBe("capability");
  });

  test("that an image has no word for are refused", () => {
    expect(() => xattrBytes([{ name: "btrfs.compression", value: new Uint8Array(0) }])).toThrow(
      "extended attribute btrfs.compression: has no place in an image",
    );
    expect(xattrBytes([])).toHaveLength(0);
  });

  test("that do not fit the fields of their sizes are refused", () => {
    const of = (count: number, length: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `user.${index}`, value: new Uint8Array(length) }));
    expect(xattrBytes(of(1, 65535)).length).toBeGreaterThan(65535);
    expect(() => xattrBytes(of(1, 65536))).toThrow("extended attribute user.0: is longer than 65535 bytes");
    expect(xattrBytes(of(4, 65000)).length).toBeGreaterThan(260_000);
    expect(() => xattrBytes(of(5, 65000))).toThrow("user.4: of one file are longer than 256 KiB");
  });
});
