/** Turns a container's plan into a program, and this process into that program. */
import type { Report } from "../emit/report.ts";
import { execInPlace } from "../host/exec.ts";
import type { Look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import { failed, syscall, syscallError } from "../host/syscall.ts";
import type { Arch } from "../linux/arch.ts";
import type { Plan } from "../plan/step.ts";
import { PROGRAM_DESCRIPTOR, preserve } from "./preserve.ts";
import { type Planned, programOf } from "./program.ts";

/** Failures are told on standard error. */
const REPORT: Report = { kind: "print", prefix: "hutch" };

/** The bytes of the plan's program, which reports failures to standard error. */
export async function compile(plan: Plan, arch: Arch): Promise<Uint8Array<ArrayBuffer>> {
  const { emit } = await import("../emit/index.ts");
  return emit(plan, { arch, report: REPORT });
}

/** A container to be started. */
export interface Start {
  /** All of the description that is not looked up: the command and its words. */
  readonly words: readonly string[];
  /** The container's id, unique on the machine. */
  readonly id: string;
  /** The environment of the program; the container's, if its plan says so. */
  readonly environment: readonly string[];
  /** Descriptors 3 … 3 + n − 1 are handed on to the container. */
  readonly preserveFds: number;
  /** Tells the user something that does not keep the container from starting. */
  readonly warn: (line: string) => void;
  /** Plans the container; all that is asked of the machine is asked through `look`. */
  readonly plan: (look: Look, warn: (line: string) => void) => Promise<Planned>;
  /**
   * Called with the details of the plan, when nothing is left but the exec; gives the arguments of the
   * program.
   */
  readonly prepare?: (details: string) => readonly string[];
}

/** Becomes the container's launcher; comes back only by throwing. */
export async function launch(start: Start): Promise<never> {
  preserve(start.preserveFds);
  const { bytes, details } = await programOf({ ...start, report: REPORT });
  const file = executable(bytes, "hutch");
  const result = syscall("dup3", file, PROGRAM_DESCRIPTOR, 0);
  if (failed(result)) {
    const hint = `RLIMIT_NOFILE must be above ${PROGRAM_DESCRIPTOR}`;
    throw syscallError("keep the program's descriptor over the exec", result, hint);
  }
  const given = start.prepare?.(details) ?? [];
  execInPlace(PROGRAM_DESCRIPTOR, ["hutch", `hutch-${start.id}`, ...given], start.environment);
}
