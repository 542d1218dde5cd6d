/** Telling of a detached `exec` that the entry program has tried (see plan/failed-exec.ts). */
import { unlink } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { FAILED, type Failed } from "../plan/failed-exec.ts";
import { endedEarly } from "./exec.ts";
import { writePidFile } from "./pid-file.ts";
import type { Program } from "./program.ts";
import { stepError } from "./step-error.ts";

/** What the exec has to tell. */
export async function failedExec(
  { kind, step, errno }: Failed,
  { id, program, pidFile = "" }: { id: string; program: Program; pidFile: string | undefined },
): Promise<unknown> {
  if (kind === FAILED.step) return stepError(await program.plan(), { index: step, value: errno });
  if (kind !== FAILED.pidFile) return endedEarly(id);
  try {
    // What was wrong is still so, and is told as ever.
    writePidFile(pidFile, 0);
    unlink(pidFile);
  } catch (error) {
    return error;
  }
  return new HutchError({
    operation: `write the pid to ${pidFile}`,
    reason: "it could not be written at first",
  });
}
