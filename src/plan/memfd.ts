/**
 * A program in memory that nothing can change any more, made by a running program: as host/memfd.ts does it,
 * where Bun lives.
 */
import { F_ADD_SEALS } from "../linux/fcntl.ts";
import { PROGRAM_FLAGS, PROGRAM_FLAGS_OLD, PROGRAM_MODE, PROGRAM_SEALS } from "../linux/memfd.ts";
import { branch, call, label } from "./build.ts";
import type { Call, Slot, Step } from "./step.ts";

/** Makes the file, in which nothing is yet. */
export function makeMemfd(why: string, into: Slot, special: Pick<Call, "hints" | "otherwise"> = {}): Step[] {
  const made = `${why}: made`;
  return [
    call(why, "memfd_create", ["hutch", PROGRAM_FLAGS], { into, errors: { EINVAL: "ignore" }, ...special }),
    branch(into, "ge", 0, made),
    call(why, "memfd_create", ["hutch", PROGRAM_FLAGS_OLD], { into, ...special }),
    label(made),
  ];
}

/** Makes a written file executable, and takes away every way to change it. */
export const sealMemfd = (why: string, fd: Slot, special: Pick<Call, "otherwise"> = {}): Step[] => [
  call(why, "fchmod", [fd, PROGRAM_MODE], special),
  call(why, "fcntl", [fd, F_ADD_SEALS, PROGRAM_SEALS], special),
];
