/**
 * A plan as data for other programs (docs/plan.md). Steps are written as step.ts describes them, but for what
 * JSON has no words for: bytes are base64, and integers that a double does not hold are strings in decimal.
 */
import type { Arch } from "../linux/arch.ts";
import type { Plan } from "./step.ts";

/** Raised when a reader of the version before would go wrong. */
export const PLAN_VERSION = 1;

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  return value instanceof Uint8Array ? value.toBase64() : value;
}

/** One line a step, inside of one object. */
export function planJson(plan: Plan, arch: Arch): string {
  const steps = plan.map((step) => `    ${JSON.stringify(step, plain)}`);
  return `{\n  "version": ${PLAN_VERSION},\n  "arch": "${arch}",\n  "steps": [\n${steps.join(",\n")}\n  ]\n}\n`;
}
