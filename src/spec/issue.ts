/** valibot's issues in hutch's words. */
import type { BaseIssue } from "valibot";
import { describe, type Problem, pathText } from "./error.ts";

/** How valibot names what it wanted, and how a person does. */
const EXPECTATIONS: Readonly<Record<string, string>> = {
  boolean: "true or false",
  Array: "an array",
  Object: "an object",
};

/** The problem that an issue states. */
export function issueProblem(issue: BaseIssue<unknown>): Problem {
  const last = issue.path?.at(-1);
  const unknownKey = issue.expected === "never";
  return {
    path: pathText(issue.path?.map((item) => item.key).slice(0, unknownKey ? -1 : undefined) ?? []),
    expected: expectation(issue),
    received: describe(unknownKey ? last?.key : issue.input),
  };
}

function expectation(issue: BaseIssue<unknown>): string {
  if (issue.type === "custom" || issue.type === "check" || issue.expected === "never") return issue.message;
  if (issue.path?.at(-1)?.origin === "key") return "a value (it is required)";
  return EXPECTATIONS[issue.expected ?? ""] ?? issue.expected ?? issue.message;
}
