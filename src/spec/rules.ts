/** The rules a configuration must keep beyond the types of its fields, in the order of the messages. */
import { capabilityRules } from "./capability.ts";
import { deviceRules } from "./device.ts";
import { describe, type Problem } from "./error.ts";
import { hookRules } from "./hooks.ts";
import { linuxRules } from "./linux.ts";
import { mountRules } from "./mount.ts";
import { namespaceRules } from "./namespace.ts";
import { processRules } from "./process-rules.ts";
import { resourceRules } from "./resources.ts";
import type { Rule } from "./rule.ts";
import { seccompRules } from "./seccomp.ts";
import { type Spec, specRules } from "./spec.ts";
import { sysctlRules } from "./sysctl.ts";

/** The rules of `process` alone, for `exec`. */
export const PROCESS_RULES: readonly Rule[] = [...processRules, ...capabilityRules];

/** Every rule. */
export const RULES: readonly Rule[] = [
  ...specRules,
  ...PROCESS_RULES,
  ...namespaceRules,
  ...mountRules,
  ...hookRules,
  ...linuxRules,
  ...deviceRules,
  ...sysctlRules,
  ...resourceRules,
  ...seccompRules,
];

/** What rules find: `errors` must stop the container, `warnings` must be shown. */
export interface Findings {
  readonly errors: Problem[];
  readonly warnings: Problem[];
}

/** Applies rules in their order. */
export function applyRules(rules: readonly Rule[], spec: Spec): Findings {
  const errors: Problem[] = [];
  const warnings: Problem[] = [];
  for (const rule of rules) {
    const found = rule.warning ? warnings : errors;
    rule.check(spec, (path, expected, received) => {
      found.push({ path, expected, received: describe(received) });
    });
  }
  return { errors, warnings };
}
