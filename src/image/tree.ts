/** A root file system as data: what an image is written from. */

export interface Xattr {
  /** With its prefix: "security.capability". */
  readonly name: string;
  readonly value: Uint8Array;
}

/** What every file has. */
export interface Attributes {
  /** Permission bits, set-id bits and the sticky bit. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
  readonly xattrs: readonly Xattr[];
}

export interface Directory extends Attributes {
  readonly kind: "directory";
  /** By name; the order does not matter. A node that stands in two places is a file with two links. */
  readonly entries: ReadonlyMap<string, Node>;
}

export interface RegularFile extends Attributes {
  readonly kind: "file";
  /** In bytes. */
  readonly size: number;
  /** Where the content is read from, by who has made the tree. */
  readonly path: string;
}

export interface Symlink extends Attributes {
  readonly kind: "symlink";
  readonly target: string;
}

export interface Device extends Attributes {
  readonly kind: "character" | "block";
  readonly device: { readonly major: number; readonly minor: number };
}

export interface Special extends Attributes {
  readonly kind: "fifo" | "socket";
}

export type Node = Directory | RegularFile | Symlink | Device | Special;

const encoder = new TextEncoder();

/** The entries in the order of their names' bytes, which for UTF-8 is that of code points. */
export function sortedEntries({ entries }: Directory): (readonly [name: string, node: Node])[] {
  const keyed = [...entries].map(([name, node]) => ({ name, node, key: encoder.encode(name) }));
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ name, node }) => [name, node] as const);
}
