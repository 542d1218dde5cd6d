/** Telling of a detached `exec` that the entry program has tried (see plan/failed-exec.ts). */
import { writeFile } from "../host/fd.ts";
import { fileKind, unlink } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { FAILED, type Failed } from "../plan/failed-exec.ts";
import { endedEarly } from "./exec.ts";
import type { Program } from "./program.ts";
import { stepError } from "./step-error.ts";

/**
 * What keeps the pid from being written, when it still does. The file itself is left alone: whoever waits for
 * it would read what is no pid.
 */
function pidFileError(path: string): unknown {
  const temporary = `${path}.hutch`;
  try {
    writeFile(temporary, "", { mode: 0o644 });
    unlink(temporary);
  } catch (error) {
    return error;
  }
  if (fileKind(path) !== "directory") return undefined;
  return new HutchError({ operation: `rename ${temporary} to ${path}`, errno: "EISDIR" });
}

/** What the exec has to tell. */
export async function failedExec(
  { kind, step, errno }: Failed,
  { id, program, pidFile = "" }: { id: string; program: Program; pidFile: string | undefined },
): Promise<unknown> {
  if (kind === FAILED.step) return stepError(await program.plan(), { index: step, value: errno });
  if (kind !== FAILED.pidFile) return endedEarly(id);
  const wrong = pidFileError(pidFile);
  if (wrong !== undefined) return wrong;
  return new HutchError({
    operation: `write the pid to ${pidFile}`,
    reason: "it could not be written at first",
  });
}
