/** What a program tells by the number of its step, in words. */
import { errnoName, errnoText, isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";

/** The error of a step that failed; `errno` is 0 for a `fail` step. */
export function stepError(plan: Plan, index: number, errno: number): HutchError {
  const step = plan[index];
  if (step?.kind === "fail") return new HutchError({ operation: step.message, exitCode: step.exitCode });
  if (step?.kind !== "call") return new HutchError({ operation: `step ${index}`, reason: errnoText(errno) });
  const name = errnoName(errno);
  const hints: { readonly [errno: string]: string | undefined } = step.hints ?? {};
  return new HutchError({
    operation: `${step.why}: ${step.name}`,
    ...(isErrnoName(name) ? { errno: name } : { reason: name }),
    hint: hints[name],
    exitCode: step.exitCode,
  });
}
