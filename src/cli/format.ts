/** The option --format of list and ps. */
import { type Given, last, usageError } from "./option.ts";

export function formatOf(given: Given): "table" | "json" {
  const format = last(given, "format") ?? "table";
  if (format === "table" || format === "json") return format;
  throw usageError(given.command, `invalid format option ${format}: expected table or json`);
}
