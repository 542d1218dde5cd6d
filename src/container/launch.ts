/** Turns a container's plan into a program, and this process into that program. */
import type { Report } from "../emit/report.ts";
import { execInPlace } from "../host/exec.ts";
import type { Look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import { failed, syscall, syscallError } from "../host/syscall.ts";
import type { Arch } from "../linux/arch.ts";
import type { Plan } from "../plan/step.ts";
import { PROGRAM_DESCRIPTOR, preserve } from "./preserve.ts";
import { type Planned, type Program, programOf } from "./program.ts";

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
}

/** A program of one container, and what it is given. */
interface Ready extends Pick<Start, "id" | "environment"> {
  readonly bytes: Uint8Array;
  /** Called when nothing is left but the exec; gives the arguments of the program. */
  readonly prepare?: () => readonly string[];
}

/** The program, which hutch becomes unless its plan wants something else. */
export function programFor(start: Start): Promise<Program> {
  preserve(start.preserveFds);
  return programOf({ ...start, report: REPORT });
}

/** Becomes the container's launcher; comes back only by throwing. */
export async function launch(start: Start & Pick<Ready, "prepare">): Promise<never> {
  const { bytes } = await programFor(start);
  return become({ ...start, bytes });
}

/** Becomes the program; comes back only by throwing. */
export function become({ bytes, prepare, id, environment }: Ready): never {
  const file = executable(bytes, "hutch");
  const result = syscall("dup3", file, PROGRAM_DESCRIPTOR, 0);
  if (failed(result)) {
    const hint = `RLIMIT_NOFILE must be above ${PROGRAM_DESCRIPTOR}`;
    throw syscallError("keep the program's descriptor over the exec", result, hint);
  }
  const given = prepare?.() ?? [];
  execInPlace(PROGRAM_DESCRIPTOR, ["hutch", `hutch-${id}`, ...given], environment);
}
