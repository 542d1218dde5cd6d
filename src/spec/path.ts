import type { Refuse } from "./rule.ts";

/**
 * A path inside the container is absolute and has no `..`: it is looked up inside the root in any case,
 * but a path that says one place and means another is a mistake or an attempt.
 */
export function checkContainerPath(path: string, where: string, refuse: Refuse): void {
  if (!path.startsWith("/")) refuse(where, "an absolute path", path);
  checkNoParent(path, where, refuse);
}

/** No component is `..`. */
export function checkNoParent(path: string, where: string, refuse: Refuse): void {
  if (path.includes("..") && path.split("/").includes("..")) {
    refuse(where, "a path without .. components", path);
  }
}
