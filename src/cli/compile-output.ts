/** Where hutch compile writes: -o FILE, which may stand at the end as that of compilers does. */
import { wasClosed } from "../host/fd.ts";
import { look } from "../host/look.ts";
import { isTerminal } from "../host/terminal.ts";
import { HutchError } from "../linux/error.ts";
import { all, type Given, has, usageError } from "./option.ts";

export const STDOUT = 1;

const OUTPUT = ["-o", "--output"];

/** `-o FILE` or `--output=FILE` at the end is the compiler's, unless it was given before, or after a --. */
export function takeOutput(given: Given): { readonly given: Given; readonly output: string | undefined } {
  const [output, another] = all(given, "output");
  if (another !== undefined)
    throw usageError("compile", `-o ${another}: -o ${output} was given before`, "compile writes one file");
  const { words } = given;
  if (output !== undefined || given.isEnded) return { given, output };
  const [, joined] = /^--output=(.+)$/s.exec(words.at(-1) ?? "") ?? [];
  if (joined !== undefined) return { given: { ...given, words: words.slice(0, -1) }, output: joined };
  const [flag = "", file] = words.slice(-2);
  const isLast = file !== undefined && OUTPUT.includes(flag);
  return isLast ? { given: { ...given, words: words.slice(0, -2) }, output: file } : { given, output };
}

/** The error of a command line without -o FILE, or with one in the middle of the command. */
export function withoutOutput({ words, isEnded }: Given): HutchError {
  const flag = words.find((word, index) => index > 0 && (OUTPUT.includes(word) || word.startsWith("-o")));
  return usageError(
    "compile",
    "-o FILE: expected the file to write",
    flag === undefined
      ? "-o FILE stands before WHERE or at the very end; -o - is standard output"
      : isEnded
        ? `${flag} is a part of the command, as all that follows --; -o FILE stands before WHERE then`
        : `${flag} is a part of the command here; options stand before WHERE, -o FILE also at the very end`,
  );
}

/** True for -o -, which a terminal is spared. */
export function isStandardOutput(given: Given, output: string | undefined): boolean {
  if (output !== "-" && output !== undefined) return false;
  if (wasClosed(STDOUT))
    throw new HutchError({
      operation: "write standard output",
      errno: "EBADF",
      hint: "it is closed; -o FILE names the file to write",
    });
  if (output === undefined) return true;
  if (has(given, "pack"))
    throw usageError("compile", "-o -: a packed root takes a regular file", "name the file to write");
  if (has(given, "json") || !isTerminal(STDOUT)) return true;
  throw new HutchError({
    operation: "-o -",
    reason: "standard output is a terminal",
    hint: "name the file to write",
  });
}

export function checkOutput(given: Given, path: string, output?: string): void {
  if (output === undefined) return;
  const kind = output.endsWith("/") ? "directory" : look("kind", path);
  const above = output.slice(0, Math.max(0, output.lastIndexOf("/")));
  if (kind !== "directory" && above !== "" && look("kind", above) === undefined)
    throw new HutchError({ operation: `-o ${output}`, errno: "ENOENT", hint: `mkdir -p ${above}` });
  if (kind === undefined || kind === "file") return;
  const operation = `-o ${output}`;
  if (kind === "directory")
    throw new HutchError({ operation, errno: "EISDIR", hint: "name the file to write" });
  if (has(given, "pack"))
    throw new HutchError({ operation, reason: "a packed root takes a regular file", hint: "name another" });
}
