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

/** Writes the error to standard error. consola is loaded only where there is somebody to see its colours. */
export async function report(error: unknown): Promise<void> {
  let line = `hutch: ${describe(error)}`;
  if (isTerminal(STDERR) && process.env["NO_COLOR"] === undefined) {
    const { colors } = await import("consola/utils");
    line = line.replace(/^hutch:/, colors.red("hutch:")).replace("; hint: ", `\n  ${colors.cyan("hint:")} `);
  }
  write(STDERR, new TextEncoder().encode(`${line}\n`), "standard error");
}
