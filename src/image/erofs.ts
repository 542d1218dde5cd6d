/**
 * An EROFS image of a tree, uncompressed. The same tree gives the same bytes: names are sorted, and nothing
 * in the image comes from elsewhere. Inodes stand first, each followed by the last part of its content where
 * that fits into the block; the other content follows in whole blocks.
 */
import { HutchError } from "../linux/error.ts";
import {
  BLOCK,
  directoryBytes,
  directorySize,
  type Entry,
  INODE,
  inodeBytes,
  LAYOUT,
  SLOT,
  superBlock,
  xattrBytes,
} from "./erofs-format.ts";
import { type Directory, type Node, type RegularFile, sortedEntries } from "./tree.ts";

/** Some of the image's bytes, at their place. */
export type Piece =
  | { readonly at: number; readonly bytes: Uint8Array }
  /** The content of a file, from `from` on, so many bytes. */
  | { readonly at: number; readonly file: RegularFile; readonly from: number; readonly length: number };

export interface Image {
  /** In bytes, whole blocks. What no piece covers is zero. */
  readonly size: number;
  readonly pieces: () => Generator<Piece>;
}

interface Inode {
  readonly node: Node;
  readonly parent: Inode | undefined;
  links: number;
  /** In bytes, from the start of the image. */
  place: number;
  /** The first block of its content. */
  block: number;
  readonly size: number;
  readonly xattrs: Uint8Array;
  /** So many bytes of the content stand behind the inode. */
  readonly inline: number;
}

const encoder = new TextEncoder();
/** Root's number has 16 bits, and 0 would be no number to a reader of directories. */
const FIRST = BLOCK;
const MOST_BLOCKS = 2 ** 32 - 1;

const blocksFor = (size: number): number => Math.ceil(size / BLOCK);
const numberOf = ({ place }: Inode): number => place / SLOT;

interface Named extends Entry {
  readonly inode: Inode;
}

/** Every inode once, directories before what is in them. */
function collect(root: Directory) {
  const inodes = new Map<Node, Inode>();
  const children = new Map<Inode, (readonly [name: string, inode: Inode])[]>();
  const visit = (node: Node, parent: Inode | undefined): Inode => {
    const known = inodes.get(node);
    if (known !== undefined) {
      known.links += 1;
      return known;
    }
    const inode = makeInode(node, parent);
    inodes.set(node, inode);
    if (node.kind === "directory") {
      const entries = sortedEntries(node).map(([name, child]) => [name, visit(child, inode)] as const);
      children.set(inode, entries);
      // Its own name and ".", and the ".." of each directory in it.
      inode.links = 2 + entries.filter(([, child]) => child.node.kind === "directory").length;
    }
    return inode;
  };
  const first = visit(root, undefined);
  return { first, inodes: [...inodes.values()], children };
}

const bytesOf = (name: string): Uint8Array => encoder.encode(name);

function sizeOf(node: Node): number {
  if (node.kind === "file") return node.size;
  if (node.kind === "symlink") return bytesOf(node.target).length;
  if (node.kind !== "directory") return 0;
  const names = [".", "..", ...node.entries.keys()].map(bytesOf).sort(Buffer.compare);
  return directorySize(names.map((name) => ({ name, kind: "file" })));
}

function makeInode(node: Node, parent: Inode | undefined): Inode {
  const size = sizeOf(node);
  const xattrs = xattrBytes(node.xattrs);
  const rest = size % BLOCK;
  const inline = INODE + xattrs.length + rest <= BLOCK ? rest : 0;
  return { node, parent, links: 1, place: 0, block: 0, size, xattrs, inline };
}

/** Gives every inode its place, so that none and nothing behind it lies across two blocks if it can. */
function placeInodes(inodes: readonly Inode[]): number {
  let at = FIRST;
  for (const inode of inodes) {
    const size = INODE + inode.xattrs.length + inode.inline;
    at = Math.ceil(at / SLOT) * SLOT;
    if ((at % BLOCK) + size > BLOCK) at = blocksFor(at) * BLOCK;
    inode.place = at;
    at += size;
  }
  return blocksFor(at);
}

const contentBlocks = ({ size, inline }: Inode): number => blocksFor(size - inline);

/** Gives all content its blocks; returns the number of blocks of the whole. */
function placeContent(inodes: readonly Inode[], first: number): number {
  let block = first;
  for (const inode of inodes) {
    const count = contentBlocks(inode);
    if (count > 0) inode.block = block;
    block += count;
  }
  return block;
}

const entriesOf = (inode: Inode, children: readonly (readonly [string, Inode])[]) =>
  [[".", inode] as const, ["..", inode.parent ?? inode] as const, ...children]
    .map(([name, child]): Named => ({ name: bytesOf(name), kind: child.node.kind, inode: child }))
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .map(({ name, kind, inode: child }) => ({ name, kind, number: numberOf(child) }));

/** The places of some content: what stands in blocks of its own, and what stands behind the inode. */
function* contentPieces(inode: Inode, bytes: Uint8Array): Generator<Piece> {
  const { size, inline, block, place, xattrs } = inode;
  if (size > inline) yield { at: block * BLOCK, bytes: bytes.subarray(0, size - inline) };
  if (inline > 0) yield { at: place + INODE + xattrs.length, bytes: bytes.subarray(size - inline) };
}

function* filePieces(inode: Inode, file: RegularFile): Generator<Piece> {
  const { size, inline, block, place, xattrs } = inode;
  if (size > inline) yield { at: block * BLOCK, file, from: 0, length: size - inline };
  if (inline > 0) yield { at: place + INODE + xattrs.length, file, from: size - inline, length: inline };
}

/** Lays a tree out; throws HutchError for one that does not fit. `built` is in seconds since 1970. */
export function erofsImage(root: Directory, built = 0n): Image {
  const { first, inodes, children } = collect(root);
  const blocks = placeContent(inodes, placeInodes(inodes));
  if (blocks > MOST_BLOCKS) {
    throw new HutchError({ operation: "write an image", reason: "the tree is larger than 16 TiB" });
  }
  function* pieces(): Generator<Piece> {
    yield { at: 0, bytes: superBlock({ root: numberOf(first), inodes: inodes.length, blocks, built }) };
    for (const [index, inode] of inodes.entries()) {
      const { node, size, links, block, xattrs, inline, place } = inode;
      const layout = inline > 0 ? LAYOUT.inline : LAYOUT.plain;
      const head = { number: index + 1, size, links, layout, block, xattrSize: xattrs.length };
      yield { at: place, bytes: inodeBytes(node, head) };
      if (xattrs.length > 0) yield { at: place + INODE, bytes: xattrs };
      if (node.kind === "file") yield* filePieces(inode, node);
      else if (node.kind === "symlink") yield* contentPieces(inode, bytesOf(node.target));
      else if (node.kind === "directory")
        yield* contentPieces(inode, directoryBytes(entriesOf(inode, children.get(inode) ?? [])));
    }
  }
  return { size: blocks * BLOCK, pieces };
}
