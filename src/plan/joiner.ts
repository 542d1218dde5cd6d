/**
 * `exec`: a process more in a running container. Three processes take part:
 *
 * - the supervisor stays outside, in the caller's namespaces and cgroups, and waits for the end;
 * - the joiner, its child, enters the cgroups, lets go of all that is the host's, enters the namespaces, and
 *   ends;
 * - the member, child of the supervisor too (CLONE_PARENT), is the only one the container can see. By its
 *   birth there is nothing of the host left that /proc/PID/{exe,fd,cwd,root} could lead to (CVE-2016-9962,
 *   CVE-2019-5736, CVE-2024-21626): a directory of the host's cgroups, say, would be a way out.
 */
import { AT_FDCWD, LAST_DESCRIPTOR, O_CLOEXEC, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { MADV_DONTFORK, MAP_ANONYMOUS, MAP_SHARED, PROT_READ, PROT_WRITE } from "../linux/mman.ts";
import { PR_SET_DUMPABLE } from "../linux/prctl.ts";
import { CLONE_INTO_CGROUP, CLONE_NEWUSER, CLONE_PARENT, CLONE_PARENT_SETTID } from "../linux/sched.ts";
import { SIGNALS } from "../linux/signal.ts";
import type { Process } from "../spec/spec.ts";
import { setAffinity } from "./affinity.ts";
import { branch, call, exit, guard, jump, label, set, slot } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { endMember, JOINER, MEMBER, SHARED, supervise } from "./exec-supervisor.ts";
import { openBirth } from "./follow.ts";
import { type Control, HIGH, JOINER_CONTROL, type Joining, joinerDescriptor } from "./joiner-control.ts";
import { openStreams } from "./launcher.ts";
import { setLabel } from "./lsm.ts";
import { member } from "./member.ts";
import { FIRST_ARGUMENT } from "./note-arguments.ts";
import { hearOfParent } from "./parent-death.ts";
import { setOomScore } from "./process.ts";
import { leaveRawMode } from "./raw-mode.ts";
import { enterJoinedRoot } from "./root.ts";
import { takeSignals } from "./signal.ts";
import type { Call, Plan, Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "./struct.ts";
import { openTerminalChannel, THEIRS } from "./terminal.ts";

const PAGE = 4096;
const FAILED = 125;

const SETNS_HINTS = {
  ESRCH: "container not running: its first process has just ended",
  EPERM: "joining takes CAP_SYS_ADMIN over the namespaces' owner: exec as the user who made the container",
} as const;

const CLONE_HINTS = {
  ENOMEM: "container not running: its first process has just ended",
  EAGAIN: "a limit on processes is reached: pids.max, or RLIMIT_NPROC",
  EBUSY: "the cgroup has cgroups below it that share its controllers out: try --cgroup",
  ENOENT: "the container's cgroup has been removed",
  EACCES:
    "the container's cgroup belongs to another user, or to the user's systemd: systemd-run --user --scope hutch exec …",
  EOPNOTSUPP: "the container's cgroup is a threaded one, or is being removed",
} as const;

/** The whole program: `process` is executed in the container that `context` describes. */
export function planJoiner(context: Context, process: Process, joining: Joining): Plan {
  return [
    ...prepare(context, process, joining),
    ...makeJoiner(joining),
    ...supervise(context, process, joining),
    label("undo"),
    ...(process.terminal && (!joining.detached || context.launch.followed)
      ? leaveRawMode("nothing was raw")
      : []),
    ...endMember(),
    exit(FAILED, "end: the command did not come to run"),
    label("joiner"),
    guard(),
    ...join(context, process, joining),
    label("member"),
    ...member(context, process, joining),
  ];
}

/** The supervisor: puts in order what was inherited. */
function prepare(context: Context, process: Process, { detached }: Joining): Step[] {
  const { preserveFds, followed, dieWithParent } = context.launch;
  const at = (which: Control): number => joinerDescriptor(preserveFds, which);
  const first = at(JOINER_CONTROL[0]);
  const why = "put the descriptors in order";
  return [
    // /proc/self/exe must not lead to a program that can be run again (CVE-2019-5736).
    call("make this program impossible to execute again", "fchmod", [
      detached ? at("program") : HIGH.program,
      0,
    ]),
    ...(detached
      ? []
      : // Idle ones are taken too, so that what is opened later stands behind them all.
        JOINER_CONTROL.map((which) =>
          call(why, "dup3", [
            which === "program" || which === "socket" ? HIGH[which] : HIGH.init,
            at(which),
            0,
          ]),
        )),
    ...openStreams(),
    call("close what was inherited", "close_range", [first + JOINER_CONTROL.length, LAST_DESCRIPTOR, 0]),
    ...takeSignals(),
    ...(dieWithParent ? [hearOfParent()] : []),
    guard("undo"),
    // In the place of the console, which the member keeps until its exec.
    ...(followed ? openBirth(context) : []),
    // The joiner inherits it, and is in its cgroup of version 2 from the start.
    ...setAffinity(process.execCPUAffinity?.initial),
    call(
      "memory in which the joiner leaves a pid",
      "mmap",
      [0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0],
      { into: SHARED },
    ),
    ...(process.terminal ? (followed ? openTerminalChannel() : openChannel(at("console"), detached)) : []),
  ];
}

/** The end that the member sends the terminal over has a fixed number, so that the joiner keeps it. */
function openChannel(console: number, detached: boolean): Step[] {
  if (detached) return [set(THEIRS, console)];
  const why = "a channel for the terminal";
  return [
    ...openTerminalChannel(),
    call(why, "dup3", [THEIRS, console, 0]),
    call(why, "close", [THEIRS]),
    set(THEIRS, console),
  ];
}

/** How a plan names a cgroup. */
interface CgroupName {
  /** For messages; a path that is given follows as their subject. */
  readonly text: string;
  readonly path: string | Slot;
  readonly take: readonly Step[];
  readonly special: Pick<Call, "subject">;
}

/** The paths of `Joining`, as they are or as they will be given, in the order of the arguments. */
function cgroupNames({
  tasks,
  unified,
  givesPaths = false,
}: Joining): Readonly<Record<"tasks" | "unified", CgroupName[]>> {
  const name = (path: string, text: string, index: number): CgroupName => {
    if (!givesPaths) return { text, path, take: [], special: {} };
    const given = slot(`cgroup given ${index}`);
    const take: Step = { kind: "given", into: given, what: FIRST_ARGUMENT + index };
    return { text: "of the container", path: given, take: [take], special: { subject: given } };
  };
  return {
    tasks: tasks.map((path, index) => name(path, `of ${path}`, index)),
    unified: unified.map((path, index) => name(path, path, tasks.length + index)),
  };
}

/** In the joiner, whose standard streams will be the terminal: no other number is its own. */
const keepChannel = (): Step[] => [
  call("keep the channel for the terminal", "dup3", [THEIRS, 0, 0]),
  set(THEIRS, 0),
];

/** The birth of the joiner, in the cgroup of version 2 if there is one; it goes on at the label "joiner". */
function makeJoiner(joining: Joining): Step[] {
  const { unified } = cgroupNames(joining);
  const why = "make the process that joins the container";
  const directory = slot("cgroup");
  const born = "joiner is born";
  const clone = (cgroup: boolean) =>
    cloneArgs({
      flags: cgroup ? CLONE_INTO_CGROUP : 0,
      exitSignal: SIGNALS.SIGCHLD,
      ...(cgroup ? { cgroup: directory } : {}),
    });
  if (unified.length === 0) {
    return [
      call(why, "clone3", [clone(false), CLONE_ARGS_SIZE], { into: JOINER, hints: CLONE_HINTS }),
      branch(JOINER, "eq", 0, "joiner"),
    ];
  }
  return [
    ...unified.flatMap(({ text, path, take, special }, index) => {
      const busy = `cgroup ${index} is busy`;
      const isLast = index === unified.length - 1;
      return [
        ...take,
        call(`open the cgroup ${text}`, "openat", [AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0], {
          into: directory,
          hints: CLONE_HINTS,
          ...special,
        }),
        call(`${why}, in the cgroup ${text}`, "clone3", [clone(true), CLONE_ARGS_SIZE], {
          into: JOINER,
          hints: CLONE_HINTS,
          ...special,
          ...(isLast ? {} : { errors: { EBUSY: { to: busy } } }),
        }),
        branch(JOINER, "eq", 0, "joiner"),
        jump(born),
        ...(isLast ? [] : [label(busy), call("close the cgroup", "close", [directory])]),
      ];
    }),
    label(born),
    call("close the cgroup", "close", [directory]),
  ];
}

/** The joiner: what is done outside of the namespaces, the way into them, and the birth of the member. */
function join(context: Context, process: Process, joining: Joining): Step[] {
  const { namespaces, detached } = joining;
  const at = (which: Control): number => joinerDescriptor(context.launch.preserveFds, which);
  const close = (...which: readonly Control[]): Step[] =>
    which.map((each) => call("hold nothing that the command may not have", "close", [at(each)]));
  return [
    ...cgroupNames(joining).tasks.flatMap(enterTasks),
    // After the cgroups, which set it anew where they have a cpuset.
    ...setAffinity(process.execCPUAffinity?.final),
    // While /proc is the host's, and before it is closed.
    ...setOomScore(process),
    // The member inherits what is to become of it at its exec, and finds no /proc of the host's.
    ...setLabel(context, process),
    call("keep /proc of this process closed (CVE-2016-9962)", "prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]),
    call("keep the member away from the memory for its pid", "madvise", [SHARED, PAGE, MADV_DONTFORK]),
    ...(process.terminal && context.launch.followed ? keepChannel() : []),
    call("hold no descriptor of the host any more", "close_range", [at("program"), LAST_DESCRIPTOR, 0]),
    ...((namespaces & CLONE_NEWUSER) === 0 ? [] : leaveGroups()),
    // All at once: the kernel joins a user namespace first, which grants the rights over those that it owns.
    ...(namespaces === 0
      ? []
      : [call("join the container's namespaces", "setns", [at("init"), namespaces], { hints: SETNS_HINTS })]),
    ...close("init", ...(detached ? [] : (["report"] as const))),
    ...(process.terminal || context.launch.followed ? [] : close("console")),
    ...(isNew(context, "mount") ? [] : enterJoinedRoot(context)),
    call("start from the container's root", "chdir", ["/"]),
    call(
      "make the process of the command, in the container's pid namespace",
      "clone3",
      [
        cloneArgs({ flags: CLONE_PARENT | CLONE_PARENT_SETTID, exitSignal: 0, parentTid: SHARED }),
        CLONE_ARGS_SIZE,
      ],
      { into: MEMBER, hints: CLONE_HINTS },
    ),
    branch(MEMBER, "eq", 0, "member"),
    exit(0, "leave the member to the supervisor"),
  ];
}

/** Before a user namespace in which nobody may: the groups of root, say, would stay those of the command. */
const leaveGroups = (): Step[] => [
  call("leave all groups of the caller", "setgroups", [0, 0], { errors: { EPERM: "ignore" } }),
];

/** The caller is meant by 0; by `tasks`, not `cgroup.procs`, as in cgroup/v1. */
function enterTasks({ text, path, take, special }: CgroupName): Step[] {
  const why = `enter the cgroup ${text}`;
  const file = slot("tasks");
  const outcome = { hints: CLONE_HINTS, ...special };
  return [
    ...take,
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: file, ...outcome }),
    call(why, "write", [file, "0", 1], outcome),
    call(why, "close", [file]),
  ];
}
