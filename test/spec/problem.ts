import { problemText } from "../../src/spec/error.ts";
import type { Refuse, Rule } from "../../src/spec/rule.ts";
import { applyRules } from "../../src/spec/rules.ts";
import type { Spec } from "../../src/spec/spec.ts";

/** What some rules refuse in a configuration, one line a problem. */
export const problemsOf = (rules: readonly Rule[], part: Partial<Spec>): string[] =>
  applyRules(rules, { ociVersion: "1.3.0", ...part }).errors.map(problemText);

/** What a check refuses, one line a problem. */
export function refusalsOf(check: (refuse: Refuse) => void): string[] {
  const lines: string[] = [];
  check((path, expected) => lines.push(`${path}: ${expected}`));
  return lines;
}
