/** The structures of EROFS on disk, little-endian (fs/erofs/erofs_fs.h, kernel documentation erofs.rst). */
import { HutchError } from "../linux/error.ts";
import { crc32c } from "./crc32c.ts";
import type { Node, Xattr } from "./tree.ts";

export const BLOCK = 4096;
const BLOCK_BITS = 12;
/** A file's number is the place of its inode, in units of so many bytes. */
export const SLOT = 1 << 5;
/** sizeof(struct erofs_inode_extended), which unlike the compact one has a time and 32-bit ids. */
export const INODE = 64;
const DIRENT = 12;

const SUPER_OFFSET = 1024;
const MAGIC = 0xe0f5e1e2;
/** The checksum of the superblock is there; files have times. */
const FEATURES = 0x1 | 0x2;

/** How a file's content lies: in whole blocks, or with its last part behind the inode. */
export const LAYOUT = { plain: 0, inline: 2 } as const;

/** S_IFMT and the type in directories. */
const KIND: Readonly<Record<Node["kind"], readonly [format: number, type: number]>> = {
  file: [0o100000, 1],
  directory: [0o040000, 2],
  character: [0o020000, 3],
  block: [0o060000, 4],
  fifo: [0o010000, 5],
  socket: [0o140000, 6],
  symlink: [0o120000, 7],
};

/** The names that are shortened to a number (EROFS_XATTR_INDEX_*); the longer before what they begin with. */
const XATTR_INDEX: readonly (readonly [prefix: string, index: number])[] = [
  ["system.posix_acl_access", 2],
  ["system.posix_acl_default", 3],
  ["user.", 1],
  ["trusted.", 4],
  ["security.", 6],
];
const XATTR_HEADER = 12;

const encoder = new TextEncoder();
const align = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

/** struct erofs_super_block, in a block of its own. */
export function superBlock(image: {
  readonly root: number;
  readonly inodes: number;
  readonly blocks: number;
  /** Seconds since 1970. */
  readonly built: bigint;
}): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(BLOCK));
  const view = new DataView(bytes.buffer, SUPER_OFFSET);
  view.setUint32(0, MAGIC, true);
  view.setUint32(8, FEATURES, true);
  view.setUint8(12, BLOCK_BITS);
  view.setUint16(14, image.root, true);
  view.setBigUint64(16, BigInt(image.inodes), true);
  view.setBigInt64(24, image.built, true);
  view.setUint32(36, image.blocks, true);
  view.setUint32(4, crc32c(0xffffffff, bytes.subarray(SUPER_OFFSET)), true);
  return bytes;
}

/** A device number in 32 bits (new_encode_dev of the kernel). */
const deviceNumber = ({ major, minor }: { readonly major: number; readonly minor: number }): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** struct erofs_inode_extended. */
export function inodeBytes(
  node: Node,
  inode: {
    readonly number: number;
    readonly size: number;
    readonly links: number;
    readonly layout: number;
    /** The first block of its content. */
    readonly block: number;
    readonly xattrSize: number;
  },
): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(INODE));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, (inode.layout << 1) | 1, true);
  view.setUint16(2, inode.xattrSize === 0 ? 0 : (inode.xattrSize - XATTR_HEADER) / 4 + 1, true);
  view.setUint16(4, KIND[node.kind][0] | node.mode, true);
  view.setBigUint64(8, BigInt(inode.size), true);
  view.setUint32(16, "device" in node ? deviceNumber(node.device) : inode.block, true);
  view.setUint32(20, inode.number, true);
  view.setUint32(24, node.uid, true);
  view.setUint32(28, node.gid, true);
  const seconds = node.modified / 1_000_000_000n - (node.modified % 1_000_000_000n < 0n ? 1n : 0n);
  view.setBigInt64(32, seconds, true);
  view.setUint32(40, Number(node.modified - seconds * 1_000_000_000n), true);
  view.setUint32(44, inode.links, true);
  return bytes;
}

/** Sizes of values, and of all of a file's attributes in words, have 16 bits. */
const MOST = 0xffff;

function xattrEntry({ name, value }: Xattr): Uint8Array {
  const [prefix, index] = XATTR_INDEX.find(([each]) => name.startsWith(each)) ?? [];
  if (prefix === undefined || index === undefined) {
    throw new HutchError({ operation: `extended attribute ${name}`, reason: "has no place in an image" });
  }
  if (value.length > MOST) {
    throw new HutchError({ operation: `extended attribute ${name}`, reason: "is longer than 65535 bytes" });
  }
  const suffix = encoder.encode(name.slice(prefix.length));
  const bytes = new Uint8Array(new ArrayBuffer(align(4 + suffix.length + value.length, 4)));
  bytes[0] = suffix.length;
  bytes[1] = index;
  new DataView(bytes.buffer).setUint16(2, value.length, true);
  bytes.set(suffix, 4);
  bytes.set(value, 4 + suffix.length);
  return bytes;
}

/** struct erofs_xattr_ibody_header and what follows; nothing for a file without attributes. */
export function xattrBytes(xattrs: readonly Xattr[]): Uint8Array {
  if (xattrs.length === 0) return new Uint8Array(0);
  const sorted = [...xattrs].sort((a, b) => (a.name < b.name ? -1 : 1));
  const bytes = Buffer.concat([new Uint8Array(XATTR_HEADER), ...sorted.map(xattrEntry)]);
  if ((bytes.length - XATTR_HEADER) / 4 < MOST) return bytes;
  throw new HutchError({
    operation: `extended attributes ${sorted.map(({ name }) => name).join(", ")}`,
    reason: "of one file are longer than 256 KiB",
  });
}

/** An entry of a directory. */
export interface Entry {
  readonly name: Uint8Array;
  readonly kind: Node["kind"];
}

/** Which entries share a block: as many as fit, in their order. */
function blocksOf<Of extends Entry>(entries: readonly Of[]): Of[][] {
  const blocks: Of[][] = [];
  let room = 0;
  for (const entry of entries) {
    const size = DIRENT + entry.name.length;
    if (size > room) {
      blocks.push([]);
      room = BLOCK;
    }
    blocks.at(-1)?.push(entry);
    room -= size;
  }
  return blocks;
}

const usedBy = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { name }) => sum + DIRENT + name.length, 0);

/** How many bytes a directory takes; its last block ends with its last name. */
export function directorySize(entries: readonly Entry[]): number {
  const blocks = blocksOf(entries);
  return (blocks.length - 1) * BLOCK + usedBy(blocks.at(-1) ?? []);
}

/** The content of a directory, whose entries are in the order of their names. */
export function directoryBytes(entries: readonly (Entry & { readonly number: number })[]): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(directorySize(entries)));
  const view = new DataView(bytes.buffer);
  for (const [index, block] of blocksOf(entries).entries()) {
    let at = index * BLOCK;
    let name = block.length * DIRENT;
    for (const entry of block) {
      view.setBigUint64(at, BigInt(entry.number), true);
      view.setUint16(at + 8, name, true);
      view.setUint8(at + 10, KIND[entry.kind][1]);
      bytes.set(entry.name, index * BLOCK + name);
      at += DIRENT;
      name += entry.name.length;
    }
  }
  return bytes;
}
