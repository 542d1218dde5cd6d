/** --report, of the commands that make a container in the foreground. */
import { preserveNamed } from "../container/preserve.ts";
import { type Given, last, usageError } from "../options/given.ts";

/** The name as it was given; undefined when no report is wanted. */
export function reportName(given: Given): string | undefined {
  const file = last(given, "report");
  if (file === "") throw usageError(given.command, "--report: expected the name of a file");
  return file;
}

/** The same for a program that this process becomes, and that will open it. */
export function reportOf(given: Given): string | undefined {
  const file = reportName(given);
  if (file !== undefined) preserveNamed(file);
  return file;
}
