/** An image behind a program in one file. */
import { writeAt } from "../host/fd.ts";
import { call } from "../host/syscall.ts";
import type { Image, Piece } from "../image/erofs.ts";
import type { RootTree } from "./root-tree.ts";

/** So much of a file's content is in memory at once. */
const CHUNK = 2 ** 20;

function writePiece(fd: number, base: number, piece: Piece, read: RootTree["read"], name: string): void {
  if ("bytes" in piece) {
    writeAt(fd, piece.bytes, base + piece.at, name);
    return;
  }
  for (let done = 0; done < piece.length; done += CHUNK) {
    const bytes = new Uint8Array(new ArrayBuffer(Math.min(CHUNK, piece.length - done)));
    read(piece.file, bytes, piece.from + done);
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
