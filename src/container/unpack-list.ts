/**
 * The list of what a packed root is made of (plan/unpack.ts), for an ordinary user, who may mount no image.
 * Device nodes are not in it, because nobody can make them in a user namespace.
 */
import { type Directory, type Node, type RegularFile, sortedEntries } from "../image/tree.ts";
import { S_IFIFO, S_IFSOCK } from "../linux/stat.ts";
import { FLAG, KIND, LIST_TAIL, PIECE, PIECE_SIZE, RECORD } from "../plan/unpack.ts";

/** A piece of a file's data; all in bytes. */
export interface DataPiece {
  /** In the image. */
  readonly from: number;
  /** In the file. */
  readonly at: number;
  readonly length: number;
}

/** linux/limits.h, with the NUL. */
const PATH_MAX = 4096;
/** What mkdirat(2) and openat(2) with O_CREAT do not set, or a write and a new owner take away. */
const SPECIAL_BITS = 0o7000;

const encoder = new TextEncoder();
const text = (string: string): Uint8Array => encoder.encode(`${string}\0`);

interface Record {
  readonly kind: number;
  readonly name: string;
  readonly flags?: number;
  readonly mode?: number;
  readonly seconds?: bigint;
  readonly nanoseconds?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly second?: Uint8Array;
}

function recordBytes(record: Record): Uint8Array {
  const { kind, name, flags = 0, mode = 0, second = new Uint8Array(0) } = record;
  const { seconds = 0n, nanoseconds = 0, uid = 0, gid = 0 } = record;
  const named = text(name);
  const start = RECORD.name + named.length;
  const bytes = new Uint8Array(new ArrayBuffer(start + second.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(RECORD.size, bytes.length, true);
  view.setUint8(RECORD.kind, kind);
  view.setUint8(RECORD.flags, flags);
  view.setUint16(RECORD.mode, mode, true);
  view.setBigInt64(RECORD.seconds, seconds, true);
  view.setUint32(RECORD.nanoseconds, nanoseconds, true);
  view.setUint32(RECORD.uid, uid, true);
  view.setUint32(RECORD.gid, gid, true);
  view.setUint32(RECORD.second, start, true);
  bytes.set(named, RECORD.name);
  bytes.set(second, start);
  return bytes;
}

const BILLION = 1_000_000_000n;

function attributesOf({ kind, mode, uid, gid, modified }: Node) {
  const seconds = modified / BILLION - (modified % BILLION < 0n ? 1n : 0n);
  const isPlain = kind === "symlink" || (mode & SPECIAL_BITS) === 0;
  return {
    mode,
    uid,
    gid,
    seconds,
    nanoseconds: Number(modified - seconds * BILLION),
    flags: (uid === 0 && gid === 0 ? FLAG.ownedByRoot : 0) | (isPlain ? FLAG.plainMode : 0),
  };
}

function pieceBytes(pieces: readonly DataPiece[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(pieces.length * PIECE_SIZE));
  for (const [index, { from, at, length }] of pieces.entries()) {
    view.setBigUint64(index * PIECE_SIZE + PIECE.from, BigInt(from), true);
    view.setBigUint64(index * PIECE_SIZE + PIECE.at, BigInt(at), true);
    view.setBigUint64(index * PIECE_SIZE + PIECE.length, BigInt(length), true);
  }
  return new Uint8Array(view.buffer);
}

function* attributeRecords({ xattrs }: Node, name: string): Generator<Record> {
  for (const { name: attribute, value } of xattrs) {
    const [named, key] = [text(name), text(attribute)];
    yield {
      kind: KIND.attribute,
      name,
      seconds: BigInt(RECORD.name + named.length + key.length),
      nanoseconds: value.length,
      second: Buffer.concat([key, value]),
    };
  }
}

type PiecesOf = (file: RegularFile) => readonly DataPiece[];

/** What makes one entry; undefined for what cannot be made. */
function entryRecord(node: Exclude<Node, Directory>, name: string, piecesOf: PiecesOf): Record | undefined {
  const attributes = attributesOf(node);
  switch (node.kind) {
    case "file":
      return { ...attributes, kind: KIND.file, name, second: pieceBytes(piecesOf(node)) };
    case "symlink":
      return { ...attributes, kind: KIND.symlink, name, second: text(node.target) };
    case "fifo":
    case "socket": {
      const format = node.kind === "fifo" ? S_IFIFO : S_IFSOCK;
      return { ...attributes, kind: KIND.special, name, mode: node.mode | format };
    }
    default:
      return undefined;
  }
}

/** The records of what is in a directory, and of its end. */
function* records(
  directory: Directory,
  path: string,
  piecesOf: PiecesOf,
  first: Map<Node, string>,
): Generator<Record> {
  for (const [name, node] of sortedEntries(directory)) {
    const below = `${path}/${name}`;
    if (node.kind === "directory") {
      yield { kind: KIND.directory, name, mode: node.mode };
      yield* records(node, below, piecesOf, first);
      continue;
    }
    const known = first.get(node);
    if (known !== undefined) {
      yield { kind: KIND.link, name, second: text(known) };
      continue;
    }
    const record = entryRecord(node, name, piecesOf);
    if (record === undefined) continue;
    yield record;
    yield* attributeRecords(node, name);
    // No longer path can be named; such a file becomes two.
    if (text(below).length <= PATH_MAX) first.set(node, below);
  }
  yield* attributeRecords(directory, ".");
  const attributes = attributesOf(directory);
  // The tmpfs itself has another mode at first.
  const flags = path === "" ? attributes.flags & ~FLAG.plainMode : attributes.flags;
  yield { ...attributes, flags, kind: KIND.leave, name: "." };
}

/** The list of a tree; the same tree gives the same bytes. */
export const unpackList = (root: Directory, piecesOf: PiecesOf): Uint8Array =>
  Buffer.concat([...records(root, "", piecesOf, new Map()).map(recordBytes), new Uint8Array(LIST_TAIL)]);
