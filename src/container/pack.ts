/** A root that travels inside a compiled file: the program, and an image behind it. */
import { write, writeAt } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import { fileKind } from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { replaceFile } from "../host/whole-file.ts";
import { erofsImage, type Image, type Piece } from "../image/erofs.ts";
import type { RegularFile } from "../image/tree.ts";
import type { Pack } from "../plan/pack.ts";
import type { Plan } from "../plan/step.ts";
import { unpackRoot } from "../plan/unpack.ts";
import { type CompileOptions, compileFile, type Descriptions } from "./compile.ts";
import { withMountPoints } from "./mount-points.ts";
import { type RootTree, readRootTree } from "./root-tree.ts";
import { type DataPiece, unpackList } from "./unpack-list.ts";

/** So much of a file's content is in memory at once. */
const CHUNK = 2 ** 20;
const ZEROS = new Uint8Array(CHUNK);

type FilePiece = Extract<Piece, { readonly file: RegularFile }>;

/** The content, without what is all zeros: a log of a few bytes may be a file of many gigabytes. */
function* chunksOf({ file, from, length }: FilePiece, read: RootTree["read"]) {
  for (let done = 0; done < length; done += CHUNK) {
    const bytes = new Uint8Array(new ArrayBuffer(Math.min(CHUNK, length - done)));
    read(file, bytes, from + done);
    if (Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) !== 0) yield { done, bytes };
  }
}

function writePiece(fd: number, base: number, piece: Piece, read: RootTree["read"], name: string): void {
  if ("bytes" in piece) {
    writeAt(fd, piece.bytes, base + piece.at, name);
    return;
  }
  for (const { done, bytes } of chunksOf(piece, read)) writeAt(fd, bytes, base + piece.at + done, name);
}

/** What of a piece is to be written; a small one is so as it is, because to read it costs more. */
function dataOf(piece: FilePiece, read: RootTree["read"]): DataPiece[] {
  const { at: start, from, length, file } = piece;
  const data: { from: number; at: number; length: number }[] = [];
  const add = (done: number, count: number): void => {
    const last = data.at(-1);
    if (last !== undefined && last.at + last.length === from + done) last.length += count;
    else data.push({ from: start + done, at: from + done, length: count });
  };
  if (length <= CHUNK) add(0, length);
  else for (const { done, bytes } of chunksOf(piece, read)) add(done, bytes.length);
  const last = data.at(-1);
  // A hole at the end of the file: its last byte makes it as long as it is.
  if (from + length === file.size && (last === undefined || last.at + last.length < file.size))
    add(length - 1, 1);
  return data;
}

type FileData = ReadonlyMap<RegularFile, readonly DataPiece[]>;

/** Where in the image the data of files lies. */
function dataIn(image: Image, read: RootTree["read"]): FileData {
  const all = new Map<RegularFile, DataPiece[]>();
  for (const piece of image.pieces()) {
    if (!("file" in piece)) continue;
    all.set(piece.file, [...(all.get(piece.file) ?? []), ...dataOf(piece, read)]);
  }
  return all;
}

/** An image starts at a page: the loop device takes whole sectors. */
const PAGE = 4096;

/** What the kernel keeps of a file in a tmpfs besides its pages, in bytes. */
const INODE = 1024;

/**
 * Unpacked files are memory of the container. Where its limit has no room for them, an ordinary user is told
 * so at the start: the kernel would end the container in the middle, without a word.
 */
function refuseBeyondLimit(descriptions: Descriptions, data: FileData): Descriptions {
  const limit = descriptions.user?.spec.linux?.resources?.memory?.limit ?? -1;
  const pages = [...data.values()].flat().map(({ length }) => Math.ceil(length / PAGE) * PAGE);
  const size = pages.reduce((sum, each) => sum + each, data.size * INODE);
  if (limit <= 0 || size <= limit) return descriptions;
  const refusal = `its files, of ${size} bytes, would be memory of the container, whose limit is ${limit}`;
  return { root: descriptions.root, user: undefined, refusal };
}

/** Writes an image to a place of an open file, which ends with it then. */
export function writeImage(
  fd: number,
  base: number,
  image: Image,
  read: RootTree["read"],
  name: string,
): void {
  // What no piece covers are holes.
  call(`make ${name} as large as its image`, "ftruncate", fd, base);
  call(`make ${name} as large as its image`, "ftruncate", fd, base + image.size);
  for (const piece of image.pieces()) writePiece(fd, base, piece, read, name);
}

/** Larger than any program: its number takes as many bytes of code as the real one, or more. */
const FAR = 2 ** 30;
/** Room for what another number changes in the text of the plan. */
const SLACK = 64;

/**
 * Compiles the program of a file whose image is so large; `compile` is called with the place that the image
 * will have until the program fits before it.
 */
export async function fitBefore<Of extends { readonly bytes: Uint8Array }>(
  size: number,
  compile: (pack: Pack) => Promise<Of>,
): Promise<{ readonly compiled: Of; readonly offset: number }> {
  let offset = FAR;
  for (;;) {
    const compiled = await compile({ offset, size });
    const { length } = compiled.bytes;
    if (offset !== FAR && length <= offset) return { compiled, offset };
    offset = Math.ceil((length + SLACK) / PAGE) * PAGE;
  }
}

/** A file to be written. */
export interface Packing {
  readonly descriptions: Descriptions;
  readonly options: CompileOptions;
  /** The directory that becomes the root. */
  readonly directory: string;
  /** Later times of files become this one, in nanoseconds since 1970. */
  readonly latest: bigint | undefined;
  readonly path: string;
}

/** Writes the file, whole or not at all; the same input gives the same file. */
export async function writePacked(packing: Packing): Promise<Plan> {
  const { options, directory, latest, path } = packing;
  const { arch = hostArch() } = options;
  using files = readRootTree(directory, latest, path);
  const tree = withMountPoints(files.tree, packing.descriptions.root.spec, fileKind);
  const image = erofsImage(tree);
  const data: FileData = packing.descriptions.user === undefined ? new Map() : dataIn(image, files.read);
  const descriptions = refuseBeyondLimit(packing.descriptions, data);
  const list = descriptions.user && unpackList(tree, (file) => data.get(file) ?? []);
  const { compiled, offset } = await fitBefore(image.size, (place) => {
    const packed = list === undefined ? undefined : { ...place, list: list.length };
    const unpack = packed && { list: packed.list, steps: unpackRoot(packed, arch) };
    const pack: Pack = { ...place, ...(unpack === undefined ? {} : { unpack }) };
    return compileFile(descriptions, { ...options, standalone: { ...options.standalone, pack } });
  });
  replaceFile(path, 0o755, (fd) => {
    write(fd, compiled.bytes, path);
    writeImage(fd, offset, image, files.read, path);
    if (list !== undefined) writeAt(fd, list, offset + image.size, path);
  });
  return compiled.plan;
}
