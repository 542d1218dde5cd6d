/** Turns a plan into a program, and this process into that program. */
import { emit } from "../emit/index.ts";
import { execInPlace } from "../host/exec.ts";
import { executable } from "../host/memfd.ts";
import { call } from "../host/syscall.ts";
import type { Host } from "../plan/context.ts";
import type { Plan } from "../plan/step.ts";

/**
 * The descriptor the program is executed from. It stays open over the exec, so that the program's first step can take
 * its own execute permission away; the plan must know its number.
 */
export const PROGRAM_DESCRIPTOR = 100;

/** The bytes of the plan's program, which reports failures to standard error. */
export const compile = (plan: Plan, { arch }: Host): Uint8Array<ArrayBuffer> =>
  emit(plan, { arch, report: { kind: "print", prefix: "hutch" } });

/** Becomes the launcher of the plan; comes back only by throwing. */
export function launch(plan: Plan, host: Host, id: string): never {
  const file = executable(compile(plan, host), "hutch");
  call("keep the program's descriptor over the exec", "dup3", file, PROGRAM_DESCRIPTOR, 0);
  execInPlace(PROGRAM_DESCRIPTOR, ["hutch", `hutch-${id}`], []);
}
