/** --relative of `compile`: the directory that the file moves about with, and what does not move. */
import type { CompileOptions } from "../container/compile.ts";
import { look } from "../host/look.ts";
import { fixedSources } from "../plan/fixed-source.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";
import { type Given, has } from "./option.ts";
import { warn } from "./output.ts";

const above = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

/** Where the file will be: the kernel tells it that without symlinks, as the root's path is told here. */
export function placeOf(
  given: Given,
  path: string,
): { readonly directory: string | undefined; readonly alias?: string } {
  if (!has(given, "relative")) return { directory: undefined };
  const isThere = look("kind", path) === "file";
  const directory = isThere ? above(look("real", path) ?? path) : look("real", above(path));
  return { directory: directory ?? above(path), alias: above(path) };
}

/** A file that was to be moved about is to say what it leaves behind. */
export function tellFixed({ standalone: { directory } = {} }: CompileOptions, plan: Plan, spec: Spec): void {
  const fixed = directory === undefined ? [] : fixedSources(plan, spec);
  if (fixed.length === 0) return;
  warn(`warning: --relative: not below ${directory}, and stays where it is: ${fixed.join(", ")}`);
}
