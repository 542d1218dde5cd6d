/** The cross-field rules of `process`. */
import { checkEnv } from "./env.ts";
import type { Process } from "./process.ts";
import type { Refuse, Rule } from "./rule.ts";

/** setresuid(2) and setresgid(2) take −1 for "do not change": the process would stay root. */
const UNCHANGED = 4294967295;
/** NGROUPS_MAX of linux/limits.h. */
const MOST_GROUPS = 65536;
/** struct winsize of TIOCSWINSZ has 16-bit fields. */
const LARGEST_CONSOLE = 65535;

export const processRules: readonly Rule[] = [
  {
    section: "config.md#configProcess",
    check({ process }, refuse) {
      if (!process) return;
      if (!process.cwd.startsWith("/")) refuse("process.cwd", "an absolute path", process.cwd);
      if (!process.args?.length) refuse("process.args", "at least one string", process.args);
      else if (process.args[0] === "") refuse("process.args[0]", "the name of a program", "");
    },
  },
  {
    section: "config.md#configProcess",
    check({ process }, refuse) {
      checkEnv(process?.env, "process.env", refuse);
      // Without a terminal the specification wants consoleSize to be ignored.
      if (!process?.terminal || !process.consoleSize) return;
      for (const side of ["height", "width"] as const) {
        const length = process.consoleSize[side];
        if (length > LARGEST_CONSOLE) {
          refuse(`process.consoleSize.${side}`, `an integer up to ${LARGEST_CONSOLE}`, length);
        }
      }
    },
  },
  {
    section: "config.md#configUser",
    check({ process }, refuse) {
      const user = process?.user;
      if (!user) return;
      const below = "an id below 4294967295, which the kernel takes for no change";
      if (user.uid === UNCHANGED) refuse("process.user.uid", below, user.uid);
      if (user.gid === UNCHANGED) refuse("process.user.gid", below, user.gid);
      for (const [index, gid] of (user.additionalGids ?? []).entries()) {
        if (gid === UNCHANGED) refuse(`process.user.additionalGids[${index}]`, below, gid);
      }
      const groups = user.additionalGids?.length ?? 0;
      if (groups > MOST_GROUPS) {
        refuse("process.user.additionalGids", `at most ${MOST_GROUPS} groups`, groups);
      }
      if (user.umask !== undefined && user.umask > 0o777) {
        refuse("process.user.umask", "permission bits up to 511 (octal 0777)", user.umask);
      }
    },
  },
  {
    section: "config.md#configPOSIXProcess",
    check({ process }, refuse) {
      const seen: string[] = [];
      for (const [index, { type, soft, hard }] of (process?.rlimits ?? []).entries()) {
        const path = `process.rlimits[${index}]`;
        if (seen.includes(type)) refuse(`${path}.type`, "every type once", type);
        seen.push(type);
        if (soft > hard) refuse(`${path}.soft`, `a value ≤ hard (${hard})`, soft);
      }
    },
  },
  {
    section: "config.md#configLinuxProcess",
    check({ process }, refuse) {
      const adj = process?.oomScoreAdj;
      if (adj !== undefined && (adj < -1000 || adj > 1000)) {
        refuse("process.oomScoreAdj", "an integer from -1000 to 1000", adj);
      }
      const priority = process?.ioPriority?.priority;
      if (priority !== undefined && (priority < 0 || priority > 7)) {
        refuse("process.ioPriority.priority", "an integer from 0 to 7", priority);
      }
    },
  },
  {
    section: "config.md#configLinuxProcess",
    check({ process }, refuse) {
      if (process?.scheduler) checkScheduler(process.scheduler, refuse);
    },
  },
];

/** What sched_setattr(2) answers with EINVAL. */
function checkScheduler(scheduler: NonNullable<Process["scheduler"]>, refuse: Refuse) {
  const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const path = "process.scheduler";
  if (policy === "SCHED_ISO") refuse(`${path}.policy`, "a policy that Linux implements", policy);
  if (nice < -20 || nice > 19) refuse(`${path}.nice`, "an integer from -20 to 19", nice);
  if (policy === "SCHED_FIFO" || policy === "SCHED_RR") {
    if (priority < 1 || priority > 99) {
      refuse(`${path}.priority`, `an integer from 1 to 99 for ${policy}`, priority);
    }
  } else if (priority !== 0) {
    refuse(`${path}.priority`, `0 or nothing for ${policy}`, priority);
  }
  if (policy !== "SCHED_DEADLINE") {
    for (const [name, value] of Object.entries({ runtime, deadline, period })) {
      if (value !== 0) refuse(`${path}.${name}`, `0 or nothing for ${policy}`, value);
    }
    return;
  }
  if (runtime < 1024) refuse(`${path}.runtime`, "at least 1024 nanoseconds for SCHED_DEADLINE", runtime);
  if (deadline < runtime) refuse(`${path}.deadline`, `a value ≥ runtime (${runtime})`, deadline);
  if (period !== 0 && period < deadline) refuse(`${path}.period`, `a value ≥ deadline (${deadline})`, period);
}
