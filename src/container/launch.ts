/** Turns a container's plan into a program, and this process into that program. */
import { execInPlace } from "../host/exec.ts";
import { effectiveUser } from "../host/facts.ts";
import { hostArch } from "../host/libc.ts";
import { type Look, recordingLook } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import { readLink } from "../host/path.ts";
import { failed, syscall, syscallError } from "../host/syscall.ts";
import type { Arch } from "../linux/arch.ts";
import type { Plan } from "../plan/step.ts";
import { keep, keptDirectory, keyOf, recall } from "./kept.ts";
import { PROGRAM_DESCRIPTOR, preserve } from "./preserve.ts";

/** The bytes of the plan's program, which reports failures to standard error. */
export async function compile(plan: Plan, arch: Arch): Promise<Uint8Array<ArrayBuffer>> {
  const { emit } = await import("../emit/index.ts");
  return emit(plan, { arch, report: { kind: "print", prefix: "hutch" } });
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
  readonly plan: (look: Look, warn: (line: string) => void, id: () => string) => Promise<Plan>;
}

/** Becomes the container's launcher; comes back only by throwing. */
export async function launch(start: Start): Promise<never> {
  preserve(start.preserveFds);
  const directory = keptDirectory(process.env, effectiveUser());
  const key = directory === undefined ? "" : keyOf([readLink("/proc/self/cwd"), ...start.words]);
  const kept = directory === undefined ? undefined : recall(directory, key);
  if (kept !== undefined) {
    for (const line of kept.warnings) start.warn(line);
    return become(kept.program, start);
  }
  const { look, record } = recordingLook();
  const warnings: string[] = [];
  const warn = (line: string): void => {
    warnings.push(line);
    start.warn(line);
  };
  let isNamed = false;
  const id = (): string => {
    isNamed = true;
    return start.id;
  };
  const plan = await start.plan(look, warn, id);
  const program = await compile(plan, hostArch());
  if (directory !== undefined && !isNamed) keep(directory, key, program, { ...record(), warnings });
  return become(program, start);
}

function become(program: Uint8Array, { id, environment }: Start): never {
  const file = executable(program, "hutch");
  const result = syscall("dup3", file, PROGRAM_DESCRIPTOR, 0);
  if (failed(result)) {
    const hint = `RLIMIT_NOFILE must be above ${PROGRAM_DESCRIPTOR}`;
    throw syscallError("keep the program's descriptor over the exec", result, hint);
  }
  execInPlace(PROGRAM_DESCRIPTOR, ["hutch", `hutch-${id}`], environment);
}
