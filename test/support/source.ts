/** The project's own text, read for the tests of style. */
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export const ROOT = dirname(dirname(import.meta.dir));

export interface Source {
  /** From the root of the project: "src/plan/step.ts". */
  readonly path: string;
  readonly lines: readonly string[];
  /** The lines without comments; strings stay. */
  readonly code: readonly string[];
  /** Made by a program, as the first comment says. */
  readonly isGenerated: boolean;
}

/** Replaces comments by nothing, keeping the number of lines. */
export function withoutComments(text: string): string {
  return text
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/(^|\s)\/\/.*$/gm, "$1");
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  return {
    path,
    lines: text.split("\n"),
    code: withoutComments(text).split("\n"),
    isGenerated: /^ \* Generated, do not edit: /m.test(text.slice(0, 1000)),
  };
}

/** The files of the project that match a glob, sorted. */
export function sources(pattern: string): Source[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: ROOT, dot: true })].sort().map(readSource);
}

/** All of it are types, by the word before the braces or by those in them. */
const TYPES = /^(?:import|export)\s+(?:type\b|\{(?:\s*type\s+[^,}]+,?)+\s*\}\s*from)/;

/**
 * What a file imports: all, import() included; without what is for types alone; or of that only what is
 * evaluated before the file is. Paths from the root, or names of packages.
 */
export function importsOf(source: Source, what: "all" | "values" | "evaluated" = "all"): string[] {
  const text = source.code.join("\n");
  const isWanted = ([line = ""]: readonly string[]) =>
    what === "all" || !(what === "values" ? /^(?:import|export)\s+type\b/ : TYPES).test(line);
  const found = [
    ...[...text.matchAll(/^(?:import|export)\b[^;"]*?\bfrom\s+"([^"]+)"/gm)].filter(isWanted),
    ...text.matchAll(/^import\s+"([^"]+)"/gm),
    ...(what === "evaluated" ? [] : text.matchAll(/\bimport\("([^"]+)"\)/g)),
  ].map(([, name = ""]) => name);
  return found.map((name) => (name.startsWith(".") ? normalize(join(dirname(source.path), name)) : name));
}

/** "path:line: complaint" for every line that a pattern matches. */
export function complaints(
  files: readonly Source[],
  pattern: RegExp,
  complaint: string,
  part: "lines" | "code" = "code",
): string[] {
  return files.flatMap((file) =>
    file[part].flatMap((line, index) => {
      const match = pattern.exec(line);
      return match === null ? [] : [`${file.path}:${index + 1}: ${match[0].trim()}: ${complaint}`];
    }),
  );
}
