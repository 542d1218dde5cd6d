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

/** The line for standard error; consola is loaded only where there is somebody to see its colours. */
async function lineFor(error: unknown, isJson: boolean): Promise<string> {
  if (isJson) {
    const { logLine } = await import("./log.ts");
    return logLine("json", { level: "error", message: describe(error), time: Date.now() });
  }
  const line = `hutch: ${describe(error)}`;
  const isSeen = isTerminal(STDERR) && process.env["NO_COLOR"] === undefined;
  return `${isSeen ? await colored(line) : line}\n`;
}

/**
 * Writes the error to standard error and, with --log, to that file. Without one, --log-format is the form of
 * standard error, as it is runc's.
 */
export async function report(
  error: unknown,
  globals: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const log = globals.get("log");
  const isJson = globals.get("log-format") === "json";
  if (log) await addError(log, isJson ? "json" : "text", error);
  try {
    const text = await lineFor(error, isJson && !log);
    write(STDERR, new TextEncoder().encode(text), "standard error");
  } catch (cause) {
    if (!(cause instanceof HutchError)) throw cause;
    // Where libc cannot be called, or standard error is closed, Bun's own way is left.
    console.error(`hutch: ${describe(error)}`);
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
