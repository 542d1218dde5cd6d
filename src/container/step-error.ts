/** What a program tells by the number of its step, in words. */
import { GIVEN_NAME } from "../cgroup/directory.ts";
import { errnoName, errnoText, isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";

/**
 * The error of a step that failed; `errno` is 0 for a `fail` step. `name` is what the program was told to call its
 * cgroups: a program that prints knows it by itself.
 */
export function stepError(plan: Plan, index: number, errno: number, name?: string): HutchError {
  const step = plan[index];
  if (step?.kind === "fail") return new HutchError({ operation: step.message, exitCode: step.exitCode });
  if (step?.kind !== "call") return new HutchError({ operation: `step ${index}`, reason: errnoText(errno) });
  const word = errnoName(errno);
  const isNamed = name !== undefined && step.subject?.name === GIVEN_NAME.name;
  const hints: { readonly [errno: string]: string | undefined } = step.hints ?? {};
  return new HutchError({
    operation: `${step.why}${isNamed ? ` ${name}` : ""}: ${step.name}`,
    ...(isErrnoName(word) ? { errno: word } : { reason: word }),
    hint: hints[word],
    exitCode: step.exitCode,
  });
}
