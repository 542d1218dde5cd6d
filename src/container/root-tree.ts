/**
 * A directory of the host as a tree for an image. Its content is hostile: every name is opened beneath the
 * directory that it was found in, without following symlinks. What is mounted below it is left out: a mount
 * point is an empty directory.
 */
import { openBeneath } from "../host/beneath.ts";
import { close, open, readAt, using } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import { type FileStatus, fileStatus, listDirectory, readLink } from "../host/path.ts";
import { xattrsOf } from "../host/xattr.ts";
import type { Attributes, Directory, Node, RegularFile } from "../image/tree.ts";
import { HutchError } from "../linux/error.ts";
import { O_NONBLOCK, O_PATH, O_RDONLY, openFlags } from "../linux/fcntl.ts";

export interface RootTree extends Disposable {
  readonly tree: Directory;
  /**
   * Reads a part of a file of the tree, which must be as it was when the tree was read; throws HutchError
   * when it is not.
   */
  readonly read: (file: RegularFile, into: Uint8Array, from: number) => void;
}

/** What does not change behind our back without being noticed. */
const identityOf = ({ device, inode, size, modified }: FileStatus): string =>
  `${device.major}:${device.minor}:${inode}:${size}:${modified}`;

const linkKey = ({ device, inode }: FileStatus): string => `${device.major}:${device.minor}:${inode}`;

/** Names and targets are bytes to the kernel; what is no UTF-8 has become U+FFFD on its way here. */
function checkUtf8(text: string, path: string): string {
  if (!text.includes("\uFFFD")) return text;
  throw new HutchError({ operation: `pack ${path}`, reason: "its name or target is not UTF-8" });
}

interface Reading {
  readonly path: string;
  readonly flags: ReturnType<typeof openFlags>;
  /** The directory's own file system. */
  readonly device: FileStatus["device"];
  /** The newest time that a file may have. */
  readonly latest: bigint | undefined;
  /** The file that is not part of the tree, by its linkKey. */
  readonly leftOut: string | undefined;
  readonly linked: Map<string, Node>;
  readonly identities: Map<RegularFile, string>;
}

const clamp = (time: bigint, latest: bigint | undefined): bigint =>
  latest !== undefined && time > latest ? latest : time;

/** Of a name in an open directory; the descriptor is of the file itself. */
interface Found {
  readonly fd: number;
  readonly directory: number;
  readonly name: string;
  /** From the root of the tree. */
  readonly path: string;
}

function statusOf({ fd, path }: Found): FileStatus {
  const status = fileStatus("", { at: fd, follow: false });
  if (status !== undefined) return status;
  throw new HutchError({ operation: `statx ${path}`, errno: "ENOENT" });
}

function attributesOf(status: FileStatus, { directory, name }: Found, reading: Reading): Attributes {
  const { mode, uid, gid, modified } = status;
  const at = name === "" ? `/proc/self/fd/${directory}/.` : `/proc/self/fd/${directory}/${name}`;
  return { mode, uid, gid, modified: clamp(modified, reading.latest), xattrs: xattrsOf(at) };
}

function readNode(found: Found, reading: Reading): Node | undefined {
  const status = statusOf(found);
  const key = linkKey(status);
  if (key === reading.leftOut) return undefined;
  const known = status.links > 1 && status.kind !== "directory" ? reading.linked.get(key) : undefined;
  if (known !== undefined) return known;
  const node = makeNode(found, status, reading);
  if (status.links > 1 && status.kind !== "directory") reading.linked.set(key, node);
  return node;
}

function makeNode(found: Found, status: FileStatus, reading: Reading): Node {
  const attributes = attributesOf(status, found, reading);
  const { kind, size, special, device } = status;
  const { fd, path } = found;
  if (kind === "directory") {
    const isMounted = device.major !== reading.device.major || device.minor !== reading.device.minor;
    return { ...attributes, kind, entries: isMounted ? new Map() : readEntries(fd, path, reading) };
  }
  if (kind === "symlink") {
    return { ...attributes, kind, target: checkUtf8(readLink("", fd), `${reading.path}/${path}`) };
  }
  if (kind === "character" || kind === "block") return { ...attributes, kind, device: special };
  if (kind !== "file") return { ...attributes, kind };
  const file: RegularFile = { ...attributes, kind, size, path };
  reading.identities.set(file, identityOf(status));
  return file;
}

/** The names in an open directory; an error names its path. */
function namesIn(fd: number, path: string): string[] {
  try {
    return listDirectory(".", fd).map(({ name }) => name);
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
    const { errno, reason } = error;
    throw new HutchError({ operation: `list ${path}`, errno, reason, cause: error });
  }
}

function readEntries(fd: number, path: string, reading: Reading): Map<string, Node> {
  const entries = new Map<string, Node>();
  for (const name of namesIn(fd, path === "" ? reading.path : `${reading.path}/${path}`)) {
    const below = path === "" ? name : `${path}/${name}`;
    checkUtf8(name, `${reading.path}/${below}`);
    const child = openBeneath(fd, name, O_PATH | reading.flags.O_NOFOLLOW, `${reading.path}/${path}`);
    const node = using(child, () => readNode({ fd: child, directory: fd, name, path: below }, reading));
    if (node !== undefined) entries.set(name, node);
  }
  return entries;
}

/** Keeps the last file open, because its pieces come one after the other. */
function keptOpen(openFile: (file: RegularFile) => number) {
  let last: { readonly file: RegularFile; readonly fd: number } | undefined;
  const closeLast = (): void => {
    if (last !== undefined) close(last.fd);
    last = undefined;
  };
  return {
    close: closeLast,
    of: (file: RegularFile): number => {
      if (last?.file === file) return last.fd;
      closeLast();
      last = { file, fd: openFile(file) };
      return last.fd;
    },
  };
}

/**
 * Reads a directory whole, but for the content of its files. Times after `latest` (nanoseconds since 1970)
 * become that time, so that the same files give the same image; the file at `without`, which is to be written,
 * is no part of it.
 */
export function readRootTree(path: string, latest?: bigint, without?: string): RootTree {
  const flags = openFlags(hostArch());
  const root = open(path, O_PATH | flags.O_DIRECTORY);
  try {
    const found = { fd: root, directory: root, name: "", path: "" };
    const status = statusOf(found);
    const identities = new Map<RegularFile, string>();
    const output = without === undefined ? undefined : fileStatus(without);
    const leftOut = output?.kind === "file" ? linkKey(output) : undefined;
    const { device } = status;
    const reading: Reading = { path, flags, device, latest, leftOut, linked: new Map(), identities };
    const attributes = attributesOf(status, found, reading);
    const tree: Directory = { ...attributes, kind: "directory", entries: readEntries(root, "", reading) };
    const opened = keptOpen((file) =>
      openBeneath(root, file.path, O_RDONLY | O_NONBLOCK | flags.O_NOFOLLOW, path),
    );
    const read: RootTree["read"] = (file, into, from) => {
      const fd = opened.of(file);
      const count = readAt(fd, into, from, `${path}/${file.path}`);
      // After the read, so that a change between two pieces is noticed too.
      const now = fileStatus("", { at: fd });
      if (count === into.byteLength && now !== undefined && identityOf(now) === identities.get(file)) return;
      throw new HutchError({ operation: `pack ${path}/${file.path}`, reason: "it changed meanwhile" });
    };
    const dispose = (): void => {
      opened.close();
      close(root);
    };
    return { tree, read, [Symbol.dispose]: dispose };
  } catch (error) {
    close(root);
    throw error;
  }
}
