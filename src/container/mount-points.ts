/**
 * The places of mounts in a packed root, which is read-only: what is missing of them is added to the tree, as
 * it would be made in a directory. Symlinks are followed inside the root, as the kernel does it then.
 */
import type { Attributes, Directory, Node } from "../image/tree.ts";
import { isBindMount } from "../spec/mount.ts";
import type { Spec } from "../spec/spec.ts";

type Kind = "directory" | "file";

const namesOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

/** Of root, and no newer than the tree itself. */
const attributesLike = ({ modified }: Directory, mode: number): Attributes => ({
  mode,
  uid: 0,
  gid: 0,
  modified,
  xattrs: [],
});

const emptyFile = (root: Directory): Node => ({
  ...attributesLike(root, 0o644),
  kind: "file",
  size: 0,
  path: "",
});
const emptyDirectory = (root: Directory): Directory => ({
  ...attributesLike(root, 0o755),
  kind: "directory",
  entries: new Map(),
});

/** The directory with the path in it. */
function withPath(root: Directory, directory: Directory, names: readonly string[], kind: Kind): Directory {
  const [name, ...rest] = names;
  if (name === undefined || name === "..") return directory;
  const found = directory.entries.get(name);
  const isLast = rest.length === 0;
  if (found !== undefined && (isLast || found.kind !== "directory")) return directory;
  const missing = isLast && kind === "file" ? emptyFile(root) : emptyDirectory(root);
  const base = found ?? missing;
  const node = base.kind === "directory" ? withPath(root, base, rest, kind) : base;
  return { ...directory, entries: new Map([...directory.entries, [name, node]]) };
}

/** The kernel follows no more (MAXSYMLINKS of linux/namei.h). */
const MOST_LINKS = 40;

/** The names on the way to a path without symlinks and "..", also of what is missing; undefined for no way. */
function resolve(root: Directory, path: string): string[] | undefined {
  const left = namesOf(path);
  const way: { readonly name: string; readonly node: Node | undefined }[] = [];
  let links = 0;
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === "..") {
      way.pop();
      continue;
    }
    const last = way.at(-1);
    const above = last === undefined ? root : last.node;
    if (above !== undefined && above.kind !== "directory") return undefined;
    const node = above?.entries.get(name);
    if (node?.kind !== "symlink") {
      way.push({ name, node });
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return undefined;
    if (node.target.startsWith("/")) way.length = 0;
    left.unshift(...namesOf(node.target));
  }
  return way.map(({ name }) => name);
}

const isBelow = (path: string, other: string): boolean =>
  path.startsWith(other === "/" ? "/" : `${other}/`) && path !== other;

/** Adds what is missing; `kindOf` tells of a path of the host. */
export function withMountPoints(
  tree: Directory,
  { mounts = [], process }: Spec,
  kindOf: (path: string) => string | undefined,
): Directory {
  const covered: string[] = [];
  let result = tree;
  for (const mount of mounts) {
    const names = resolve(result, mount.destination);
    if (names === undefined) continue;
    const path = `/${names.join("/")}`;
    // In what is mounted before, the place is made when the container is.
    const isCovered = covered.some((other) => isBelow(path, other));
    covered.push(path);
    if (isCovered) continue;
    const isFile = isBindMount(mount) && ![undefined, "directory"].includes(kindOf(mount.source ?? ""));
    result = withPath(tree, result, names, isFile ? "file" : "directory");
  }
  const names = resolve(result, process?.cwd ?? "/");
  if (names === undefined) return result;
  const isCovered = covered.some((other) => isBelow(`/${names.join("/")}`, other));
  return isCovered ? result : withPath(tree, result, names, "directory");
}
