/** Telling a person of an error: plain for a log, with colours on a terminal. */
import { write } from "../host/fd.ts";
import { isTerminal } from "../host/terminal.ts";
import { HutchError } from "../linux/error.ts";

const STDERR = 2;

/** A message of hutch's own is enough; anything else is a defect, and told in full. */
export function describe(error: unknown): string {
  if (error instanceof HutchError) return error.message;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `this is a defect of hutch, please report it: ${text}`;
}

/**
 * Writes the error to standard error and, with --log, to that file. consola is loaded only where there is
 * somebody to see its colours.
 */
export async function report(
  error: unknown,
  globals: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const log = globals.get("log");
  if (log) await addError(log, globals.get("log-format") === "json" ? "json" : "text", error);
  const line = `hutch: ${describe(error)}`;
  try {
    const text = isTerminal(STDERR) && process.env["NO_COLOR"] === undefined ? await colored(line) : line;
    write(STDERR, new TextEncoder().encode(`${text}\n`), "standard error");
  } catch (cause) {
    if (!(cause instanceof HutchError)) throw cause;
    // Where libc cannot be called, or standard error is closed, Bun's own way is left.
    console.error(line);
  }
}

/** Engines show their user the last error of the file. */
async function addError(path: string, format: "text" | "json", error: unknown): Promise<void> {
  const { addToLog } = await import("./log.ts");
  try {
    addToLog(path, format, "error", describe(error));
  } catch (cause) {
    // The error itself is still told below.
    console.error(`hutch: ${describe(cause)}`);
  }
}

async function colored(line: string): Promise<string> {
  const { colors } = await import("consola/utils");
  return line.replace(/^hutch:/, colors.red("hutch:")).replace("; hint: ", `\n  ${colors.cyan("hint:")} `);
}
