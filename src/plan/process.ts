/** What the container's process is, before it is given its program (OCI config, "Process"). */
import { AT_FDCWD, O_CLOEXEC, O_PATH, O_WRONLY } from "../linux/fcntl.ts";
import { IOPRIO_CLASSES, IOPRIO_WHO_PROCESS, ioprioValue } from "../linux/ioprio.ts";
import { PERSONALITY_DOMAINS } from "../linux/personality.ts";
import { PR_SET_KEEPCAPS } from "../linux/prctl.ts";
import { RLIMITS } from "../linux/resource.ts";
import { SCHED_FLAGS, SCHED_POLICIES } from "../linux/sched.ts";
import type { Process } from "../spec/spec.ts";
import { call, slot, struct, writeFile } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { deniesGroups, isMapped, mapsItself } from "./idmap.ts";
import { ROOT } from "./root.ts";
import type { Step } from "./step.ts";
import { rlimit64 } from "./struct.ts";
import { openInRoot, openTarget } from "./target.ts";

/** oom_score_adj: while privileges last, because lowering it takes CAP_SYS_RESOURCE. */
export const setOomScore = (process: Process): Step[] =>
  process.oomScoreAdj === undefined
    ? []
    : writeFile(
        `set oom_score_adj to ${process.oomScoreAdj}`,
        AT_FDCWD,
        "/proc/self/oom_score_adj",
        String(process.oomScoreAdj),
        {
          flags: O_WRONLY | O_CLOEXEC,
          into: slot("file"),
          hints: { EACCES: "a score below the caller's own takes CAP_SYS_RESOURCE" },
        },
      );

/**
 * The limits of the spec; RLIMIT_NOFILE is the caller's where the spec is silent, because Bun has raised its
 * own.
 */
export function setRlimits(process: Process, { host }: Context): Step[] {
  const wishes: { type: keyof typeof RLIMITS; soft: number | bigint; hard: number | bigint }[] = [
    ...(process.rlimits ?? []),
  ];
  if (host.nofile !== undefined && !wishes.some(({ type }) => type === "RLIMIT_NOFILE")) {
    wishes.push({ type: "RLIMIT_NOFILE", ...host.nofile });
  }
  return wishes.map(({ type, soft, hard }) =>
    call(`limit ${type} to ${soft}:${hard}`, "prlimit64", [0, RLIMITS[type], rlimit64(soft, hard), 0], {
      hints: { EPERM: "raising a hard limit takes CAP_SYS_RESOURCE" },
    }),
  );
}

/** setpriority is part of it: SCHED_OTHER and SCHED_BATCH take `nice`. */
export function setScheduler(process: Process): Step[] {
  const { scheduler, ioPriority } = process;
  const steps: Step[] = [];
  if (scheduler !== undefined) {
    const flags = (scheduler.flags ?? []).reduce((bits, flag) => bits | SCHED_FLAGS[flag], 0);
    const attributes = struct("sched_attr", [
      ["size", 4, 48],
      ["sched_policy", 4, SCHED_POLICIES[scheduler.policy]],
      ["sched_flags", 8, flags],
      ["sched_nice", 4, scheduler.nice ?? 0],
      ["sched_priority", 4, scheduler.priority ?? 0],
      ["sched_runtime", 8, scheduler.runtime ?? 0],
      ["sched_deadline", 8, scheduler.deadline ?? 0],
      ["sched_period", 8, scheduler.period ?? 0],
    ]);
    steps.push(
      call(`schedule as ${scheduler.policy}`, "sched_setattr", [0, attributes, 0], {
        hints: { EPERM: "real-time policies and negative nice values take CAP_SYS_NICE" },
      }),
    );
  }
  if (ioPriority !== undefined) {
    const value = ioprioValue(IOPRIO_CLASSES[ioPriority.class], ioPriority.priority ?? 0);
    steps.push(
      call(`give I/O the priority ${ioPriority.class} ${ioPriority.priority ?? 0}`, "ioprio_set", [
        IOPRIO_WHO_PROCESS,
        0,
        value,
      ]),
    );
  }
  return steps;
}

/** For a process that is none of the container's, where Bun has raised its own. */
export const inheritedNofile = ({ host: { nofile } }: Context): Step[] =>
  nofile === undefined
    ? []
    : [
        call("limit RLIMIT_NOFILE as before", "prlimit64", [
          0,
          RLIMITS.RLIMIT_NOFILE,
          rlimit64(nofile.soft, nofile.hard),
          0,
        ]),
      ];

export const setPersonality = ({ spec }: Context): Step[] => {
  const domain = spec.linux?.personality?.domain;
  return domain === undefined
    ? []
    : [call(`take on the personality ${domain}`, "personality", [PERSONALITY_DOMAINS[domain]])];
};

/**
 * In a new user namespace: becomes its root, so that what is made in the container belongs to somebody there.
 * A namespace of one id of the caller's own needs nothing: the caller is that id.
 */
export function becomeRoot(context: Context): Step[] {
  const { spec, namespaces } = context;
  if (!namespaces.has("user")) return [];
  if (isNew(context, "user")) {
    if (mapsItself(context)) return [];
    if (!isMapped(spec.linux?.uidMappings ?? [], 0) || !isMapped(spec.linux?.gidMappings ?? [], 0)) return [];
  }
  const why = "become root in the user namespace";
  return [call(why, "setresgid", [0, 0, 0]), call(why, "setresuid", [0, 0, 0])];
}

const ID_HINTS = {
  EINVAL: "the id is not mapped in the container's user namespace",
  EPERM: "changing ids takes CAP_SETUID and CAP_SETGID; an ordinary user has one id to use",
} as const;

/**
 * The user of the process. KEEPCAPS: the sets are cut to size by capset afterwards, not by the change of
 * ids.
 */
export function setUser(process: Process, context: Context): Step[] {
  const uid = process.user?.uid ?? 0;
  const gid = process.user?.gid ?? 0;
  const groups = process.user?.additionalGids ?? [];
  // Where setgroups is denied the caller's groups stay; they are nobody's in the new namespace.
  const denied = isNew(context, "user") && deniesGroups(context);
  const list = struct(
    "gid_t[]",
    groups.map((group) => ["gid", 4, group] as const),
  );
  return [
    call("keep capabilities when the user changes", "prctl", [PR_SET_KEEPCAPS, 1, 0, 0, 0]),
    ...(denied && groups.length === 0
      ? []
      : [
          call(
            groups.length === 0 ? "leave all additional groups" : `join the groups ${groups.join(",")}`,
            "setgroups",
            [groups.length, groups.length === 0 ? 0 : list],
            { hints: { EPERM: "an ordinary user's namespace denies setgroups", EINVAL: ID_HINTS.EINVAL } },
          ),
        ]),
    call(`become the group ${gid}`, "setresgid", [gid, gid, gid], { hints: ID_HINTS }),
    call(`become the user ${uid}`, "setresuid", [uid, uid, uid], { hints: ID_HINTS }),
  ];
}

/**
 * The working directory, opened inside the root: a path through /proc/self/fd would lead to a directory of
 * the host that a descriptor was left open on (CVE-2024-21626); RESOLVE_IN_ROOT follows no magic link.
 */
export function enterDirectory(process: Process): Step[] {
  const directory = slot("working directory");
  const why = `enter the working directory ${process.cwd}`;
  const denied = { EACCES: "the user of the process may not search this directory" };
  return [
    openInRoot(why, slot("container root"), process.cwd, directory, {
      hints: {
        ...denied,
        ENOTDIR: "the working directory is a file",
        EXDEV: "a link of /proc is in the way: the working directory must lie inside the root",
      },
    }),
    call(why, "fchdir", [directory], { hints: denied }),
  ];
}

/**
 * Creates the working directory when the image lacks it, as other runtimes do; it is opened for
 * `enterDirectory`.
 */
export function createDirectory(process: Process, context: Context): Step[] {
  if (process.cwd === "/") return [];
  const why = `create the working directory ${process.cwd}`;
  const target = slot("target");
  return openTarget(context, why, ROOT, { path: process.cwd, kind: "directory", into: target, tag: why });
}

/** Opens "/" as the container sees it, for the look-up of the working directory. */
export const openContainerRoot = (): Step =>
  call("open the container's root", "openat", [AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0], {
    into: slot("container root"),
  });

/** umask of the spec, or the usual one: it has been 0 while the container was built. */
export const setUmask = (process: Process): Step => {
  const mask = process.user?.umask ?? 0o022;
  return call(`set the umask ${mask.toString(8).padStart(4, "0")}`, "umask", [mask]);
};
