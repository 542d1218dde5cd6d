/** Where a container's cgroup lies (OCI config-linux, "Cgroups Path"). */
import { HutchError } from "../linux/error.ts";

export interface Place {
  readonly directory: string;
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
export function placeCgroup(base: Base, cgroupsPath: string | undefined, id: string): Place {
  // One level, so that nothing but the cgroup itself has to be removed.
  if (!isExplicit(cgroupsPath)) return { directory: `${base.relative}/hutch-${id}`, ancestors: [] };
  const names = cgroupsPath.split("/").filter((name) => name !== "" && name !== ".");
  const refuse = (reason: string): HutchError =>
    new HutchError({ operation: `place the cgroup: linux.cgroupsPath "${cgroupsPath}"`, reason });
  if (names.includes("..")) throw refuse("contains ..");
  if (names.length === 0) throw refuse("names no cgroup below the root");
  const top = cgroupsPath.startsWith("/") ? base.mount : base.relative;
  const directory = `${top}/${names.join("/")}`;
  return { directory, ancestors: above(top, directory).slice(1) };
}
