/** What a program tells by the number of its step, in words. */
import { errnoName, errnoText, isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import type { StepRecord } from "./step-record.ts";

/** The error of a step that failed; the errno is 0 for a `fail` step. */
export function stepError(plan: Plan, { index, value, subject }: StepRecord): HutchError {
  const step = plan[index];
  if (step?.kind === "fail") return new HutchError({ operation: step.message, exitCode: step.exitCode });
  if (step?.kind !== "call") return new HutchError({ operation: `step ${index}`, reason: errnoText(value) });
  const word = errnoName(value);
  const hints: { readonly [errno: string]: string | undefined } = step.hints ?? {};
  return new HutchError({
    operation: `${step.why}${subject === undefined ? "" : ` ${subject}`}: ${step.name}`,
    ...(isErrnoName(word) ? { errno: word } : { reason: word }),
    hint: hints[word],
    exitCode: step.exitCode,
  });
}
