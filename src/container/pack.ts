/** A root that travels inside a compiled file: the program, and an image behind it. */
import { write, writeAt } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { replaceFile } from "../host/whole-file.ts";
import { erofsImage, type Image, type Piece } from "../image/erofs.ts";
import type { Pack } from "../plan/pack.ts";
import type { Plan } from "../plan/step.ts";
import { type CompileOptions, compileFile, type Description } from "./compile.ts";
import { withMountPoints } from "./mount-points.ts";
import { type RootTree, readRootTree } from "./root-tree.ts";

/** So much of a file's content is in memory at once. */
const CHUNK = 2 ** 20;
const ZEROS = new Uint8Array(CHUNK);

function writePiece(fd: number, base: number, piece: Piece, read: RootTree["read"], name: string): void {
  if ("bytes" in piece) {
    writeAt(fd, piece.bytes, base + piece.at, name);
    return;
  }
  for (let done = 0; done < piece.length; done += CHUNK) {
    const bytes = new Uint8Array(new ArrayBuffer(Math.min(CHUNK, piece.length - done)));
    read(piece.file, bytes, piece.from + done);
    // A hole stays a hole: a log of a few bytes may be a file of many gigabytes.
    if (Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) !== 0)
      writeAt(fd, bytes, base + piece.at + done, name);
  }
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

/** An image starts at a page: the loop device takes whole sectors. */
const PAGE = 4096;
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
  readonly root: Description;
  readonly options: CompileOptions;
  /** The directory that becomes the root. */
  readonly directory: string;
  /** Later times of files become this one, in nanoseconds since 1970. */
  readonly latest: bigint | undefined;
  readonly path: string;
}

/** Writes the file, whole or not at all; the same input gives the same file. */
export async function writePacked({ root, options, directory, latest, path }: Packing): Promise<Plan> {
  using files = readRootTree(directory, latest, path);
  const image = erofsImage(withMountPoints(files.tree, root.spec, fileKind));
  const { compiled, offset } = await fitBefore(image.size, (pack) =>
    compileFile({ root, user: undefined }, { ...options, standalone: { ...options.standalone, pack } }),
  );
  replaceFile(path, 0o755, (fd) => {
    write(fd, compiled.bytes, path);
    writeImage(fd, offset, image, files.read, path);
  });
  return compiled.plan;
}
