/** Debian's kernel, where scripts/kernel.ts has unpacked it, and its modules in the order of loading. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "../source.ts";

export interface Kernel {
  readonly image: string;
  /** Paths of all modules by name; "-" in the name of a file is "_" in that of a module. */
  readonly modules: ReadonlyMap<string, string>;
}

/** Where the kernel of an architecture (as Debian names it: amd64, arm64) is kept. */
export const kernelDirectory = (architecture = "amd64"): string => join(ROOT, "dist/vm", architecture);

export function findKernel(architecture = "amd64"): Kernel | undefined {
  const directory = kernelDirectory(architecture);
  if (!existsSync(join(directory, "complete"))) return undefined;
  const image = readdirSync(join(directory, "boot")).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) return undefined;
  const files = [...new Bun.Glob("lib/modules/**/*.ko").scanSync({ cwd: directory })];
  const modules = files.map((file) => [moduleName(basename(file, ".ko")), join(directory, file)] as const);
  return { image: join(directory, "boot", image), modules: new Map(modules) };
}

const moduleName = (name: string): string => name.replaceAll("-", "_");

/** What a module says of itself (section .modinfo: "depends=a,b" between zeros). */
function dependencies(file: string): string[] {
  const [, names = ""] = /\0depends=([^\0]*)\0/.exec(readFileSync(file, "latin1")) ?? [];
  return names.split(",").filter((name) => name !== "");
}

/** The files of these modules and of all that they need, each after what it needs. */
export function moduleFiles({ modules }: Kernel, names: readonly string[]): string[] {
  const files = new Set<string>();
  const add = (name: string): void => {
    const file = modules.get(moduleName(name));
    // What is not there is built in; insmod of what needs it would fail.
    if (file === undefined || files.has(file)) return;
    for (const needed of dependencies(file)) add(needed);
    files.add(file);
  };
  for (const name of names) {
    if (!modules.has(moduleName(name))) throw new Error(`the kernel has no module ${name}`);
    add(name);
  }
  return [...files];
}
