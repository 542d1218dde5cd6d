/** The container process: config.md, "Process", "POSIX process", "Linux Process", "User". */
import type * as v from "valibot";
import { IOPRIO_CLASSES } from "../linux/ioprio.ts";
import { RLIMITS } from "../linux/resource.ts";
import { SCHED_FLAGS, SCHED_POLICIES } from "../linux/sched.ts";
import { capabilitiesSchema } from "./capability.ts";
import {
  count,
  keyOf,
  later,
  list,
  object,
  optional,
  optionalFlag,
  optionalI32,
  optionalInteger,
  optionalText,
  optionalTexts,
  optionalU32,
  optionalU64,
  pattern,
  text,
  u32,
  u64,
} from "./schema.ts";

/** `soft` and `hard` are numbers up to 2^53, bigints above; 2^64 − 1 is RLIM_INFINITY. */
const rlimit = object({ type: keyOf(RLIMITS), soft: u64, hard: u64 });

const cpuList = () => optional(pattern(/^[0-9, -]*$/, "a list of CPUs such as 0-3,7"));

export const processSchema = object({
  terminal: optionalFlag,
  consoleSize: later(() => object({ height: count, width: count })),
  user: optional(
    object({
      uid: optionalU32,
      gid: optionalU32,
      umask: optionalU32,
      additionalGids: later(() => list(u32)),
      username: optionalText,
    }),
  ),
  args: optionalTexts,
  commandLine: optionalText,
  env: optionalTexts,
  cwd: text,
  capabilities: optional(capabilitiesSchema),
  rlimits: optional(list(rlimit)),
  noNewPrivileges: optionalFlag,
  apparmorProfile: optionalText,
  selinuxLabel: optionalText,
  oomScoreAdj: optionalInteger,
  ioPriority: later(() => object({ class: keyOf(IOPRIO_CLASSES), priority: optionalI32 })),
  scheduler: later(() =>
    object({
      policy: keyOf(SCHED_POLICIES),
      nice: optionalI32,
      priority: optionalI32,
      flags: optional(list(keyOf(SCHED_FLAGS))),
      runtime: optionalU64,
      deadline: optionalU64,
      period: optionalU64,
    }),
  ),
  execCPUAffinity: later(() => object({ initial: cpuList(), final: cpuList() })),
});

export type Process = v.InferOutput<typeof processSchema>;
export type User = NonNullable<Process["user"]>;
export type Rlimit = NonNullable<Process["rlimits"]>[number];
export type Scheduler = NonNullable<Process["scheduler"]>;
export type IoPriority = NonNullable<Process["ioPriority"]>;
