/** Seccomp: config-linux.md, "Seccomp"; names as in libseccomp's seccomp.h. */
import * as v from "valibot";
import type { Rule } from "./rule.ts";
import {
  list,
  object,
  oneOf,
  optional,
  optionalText,
  optionalU32,
  optionalU64,
  text,
  u32,
  u64,
} from "./schema.ts";

export const SECCOMP_ACTIONS = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;

export const SECCOMP_ARCHITECTURES = [
  "SCMP_ARCH_X86",
  "SCMP_ARCH_X86_64",
  "SCMP_ARCH_X32",
  "SCMP_ARCH_ARM",
  "SCMP_ARCH_AARCH64",
  "SCMP_ARCH_LOONGARCH64",
  "SCMP_ARCH_M68K",
  "SCMP_ARCH_MIPS",
  "SCMP_ARCH_MIPS64",
  "SCMP_ARCH_MIPS64N32",
  "SCMP_ARCH_MIPSEL",
  "SCMP_ARCH_MIPSEL64",
  "SCMP_ARCH_MIPSEL64N32",
  "SCMP_ARCH_PPC",
  "SCMP_ARCH_PPC64",
  "SCMP_ARCH_PPC64LE",
  "SCMP_ARCH_S390",
  "SCMP_ARCH_S390X",
  "SCMP_ARCH_SH",
  "SCMP_ARCH_SHEB",
  "SCMP_ARCH_PARISC",
  "SCMP_ARCH_PARISC64",
  "SCMP_ARCH_RISCV64",
] as const;

export const SECCOMP_FLAGS = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
] as const;

export const SECCOMP_OPERATORS = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;

export const seccompSchema = () => {
  const action = oneOf(SECCOMP_ACTIONS);
  const argument = object({ index: u32, value: u64, valueTwo: optionalU64, op: oneOf(SECCOMP_OPERATORS) });
  const syscall = object({
    names: v.pipe(
      list(text),
      v.check((names) => names.length > 0, "at least one name"),
    ),
    action,
    errnoRet: optionalU32,
    args: optional(list(argument)),
  });
  return object({
    defaultAction: action,
    defaultErrnoRet: optionalU32,
    architectures: optional(list(oneOf(SECCOMP_ARCHITECTURES))),
    flags: optional(list(oneOf(SECCOMP_FLAGS))),
    listenerPath: optionalText,
    listenerMetadata: optionalText,
    syscalls: optional(list(syscall)),
  });
};

export type Seccomp = v.InferOutput<ReturnType<typeof seccompSchema>>;
export type SeccompSyscall = NonNullable<Seccomp["syscalls"]>[number];
export type SeccompArgument = NonNullable<SeccompSyscall["args"]>[number];
export type SeccompAction = (typeof SECCOMP_ACTIONS)[number];
export type SeccompArchitecture = (typeof SECCOMP_ARCHITECTURES)[number];
export type SeccompFlag = (typeof SECCOMP_FLAGS)[number];
export type SeccompOperator = (typeof SECCOMP_OPERATORS)[number];

/** The largest value each action returns with the filter; the others have none to return. */
const LARGEST_RETURN: Readonly<Partial<Record<SeccompAction, number>>> = {
  // MAX_ERRNO: the kernel cuts a larger one down without a word.
  SCMP_ACT_ERRNO: 4095,
  // SECCOMP_RET_DATA has 16 bits.
  SCMP_ACT_TRACE: 65535,
};

const ARGUMENTS = 6;

export const seccompRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxSeccomp",
    check({ linux }, refuse) {
      const seccomp = linux?.seccomp;
      if (!seccomp) return;
      const checkErrno = (by: SeccompAction, errno: number | undefined, path: string) => {
        if (errno === undefined) return;
        const largest = LARGEST_RETURN[by];
        if (largest === undefined) refuse(path, `nothing, because ${by} returns no errno`, errno);
        else if (errno > largest) refuse(path, `an integer from 0 to ${largest}`, errno);
      };
      checkErrno(seccomp.defaultAction, seccomp.defaultErrnoRet, "linux.seccomp.defaultErrnoRet");
      for (const [index, syscall] of (seccomp.syscalls ?? []).entries()) {
        const path = `linux.seccomp.syscalls[${index}]`;
        checkErrno(syscall.action, syscall.errnoRet, `${path}.errnoRet`);
        for (const [place, argument] of (syscall.args ?? []).entries()) {
          if (argument.index < ARGUMENTS) continue;
          refuse(`${path}.args[${place}].index`, `an integer from 0 to ${ARGUMENTS - 1}`, argument.index);
        }
      }
      if (seccomp.listenerMetadata && !seccomp.listenerPath) {
        refuse(
          "linux.seccomp.listenerPath",
          "a path, because listenerMetadata is given",
          seccomp.listenerPath,
        );
      }
    },
  },
];
