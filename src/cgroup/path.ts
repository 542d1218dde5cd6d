/** Where a container's cgroup lies (OCI config-linux, "Cgroups Path"). */
import { HutchError } from "../linux/error.ts";

export interface Place {
  /** The directory above the cgroup. */
  readonly parent: string;
  /** The cgroup's own name; undefined for hutch's choice, which the program is given when it starts. */
  readonly name: string | undefined;
  /** What may have to be made above it, from the top; it stays, because others may use it too. */
  readonly ancestors: readonly string[];
}

/** The two directories that a path can start from. */
export interface Base {
  /** For an absolute path: the mount point of the hierarchy. */
  readonly mount: string;
  /** For a relative path, and for none. */
  readonly relative: string;
}

/** An absent or empty path asks for a place of hutch's choice. */
export const isExplicit = (cgroupsPath: string | undefined): cgroupsPath is string =>
  cgroupsPath !== undefined && cgroupsPath !== "";

/** Every directory from `top` down to the one above `directory`, which lies below `top`. */
export function above(top: string, directory: string): string[] {
  const names = directory.slice(top.length).split("/").slice(1, -1);
  return [top, ...names.map((_, index) => `${top}/${names.slice(0, index + 1).join("/")}`)];
}

/**
 * The directory of a container's cgroup. Throws HutchError for a path with `..`, which would lead into a
 * cgroup of others, and for one that names no cgroup.
 */
export function placeCgroup(base: Base, cgroupsPath: string | undefined): Place {
  // One level, so that nothing but the cgroup itself has to be removed.
  if (!isExplicit(cgroupsPath)) return { parent: base.relative, name: undefined, ancestors: [] };
  const names = cgroupsPath.split("/").filter((name) => name !== "" && name !== ".");
  const refuse = (reason: string): HutchError =>
    new HutchError({ operation: `place the cgroup: linux.cgroupsPath "${cgroupsPath}"`, reason });
  if (names.includes("..")) throw refuse("contains ..");
  if (names.length === 0) throw refuse("names no cgroup below the root");
  const top = cgroupsPath.startsWith("/") ? base.mount : base.relative;
  const ancestors = above(top, `${top}/${names.join("/")}`);
  return { parent: ancestors.at(-1) ?? top, name: names.at(-1), ancestors: ancestors.slice(1) };
}
