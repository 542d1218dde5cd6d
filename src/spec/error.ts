/** What is wrong with a configuration, in one form: where, what was expected, what came. */
import { HutchError } from "../linux/error.ts";

/** One thing that is wrong. */
export interface Problem {
  /** The field as JavaScript would write it: `process.rlimits[2].soft`; empty for the whole document. */
  readonly path: string;
  /** In words, to be read after "expected": "an absolute path". */
  readonly expected: string;
  /** What came instead, already in words. */
  readonly received: string;
}

const SHOWN = 10;
const LONGEST = 80;

/** `process.rlimits[2].soft: expected a value ≤ hard (1024), received 4096` */
export function problemText(problem: Problem): string {
  const where = problem.path === "" ? "" : `${problem.path}: `;
  return `${where}expected ${problem.expected}, received ${problem.received}`;
}

/** A value as an error shows it: short, on one line, containers by their kind. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty object" : "an object";
  if (typeof value !== "string") return String(value);
  const shown = value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
  return JSON.stringify(shown.toWellFormed());
}

/** Keys and indexes as one path: `linux.sysctl["net.core.somaxconn"]`. */
export function pathText(keys: readonly unknown[]): string {
  let path = "";
  for (const key of keys) {
    if (typeof key === "number") path += `[${key}]`;
    else if (typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key)) path += path === "" ? key : `.${key}`;
    else path += `[${JSON.stringify(String(key))}]`;
  }
  return path;
}

/** One error of some lines of text, the first ten shown; `operation` is the document they are about. */
export function specError(operation: string, lines: readonly string[]): HutchError {
  if (lines.length <= 1) return new HutchError({ operation, reason: lines[0] });
  const shown = lines.slice(0, SHOWN);
  const rest = lines.length - shown.length;
  if (rest > 0) shown.push(`and ${rest} more`);
  return new HutchError({ operation, reason: [`${lines.length} problems`, ...shown].join("\n  ") });
}
