/**
 * `exec`: a process more in a running container. Three processes take part:
 *
 * - the supervisor stays outside, in the caller's namespaces and cgroups, and waits for the end;
 * - the joiner, its child, enters the cgroups, lets go of all that is the host's, enters the namespaces, and
 *   ends;
 * - the member, child of the supervisor too (CLONE_PARENT), is the only one the container can see. By its birth
 *   there is nothing of the host left that /proc/PID/{exe,fd,cwd,root} could lead to (CVE-2016-9962,
 *   CVE-2019-5736, CVE-2024-21626): a directory of the host's cgroups, say, would be a way out.
 */
import { AT_FDCWD, O_CLOEXEC, O_CREAT, O_PATH, O_RDONLY, O_TRUNC, O_WRONLY } from "../linux/fcntl.ts";
import { MADV_DONTFORK, MAP_ANONYMOUS, MAP_SHARED, PROT_READ, PROT_WRITE } from "../linux/mman.ts";
import { PR_SET_DUMPABLE } from "../linux/prctl.ts";
import { CLONE_INTO_CGROUP, CLONE_PARENT, CLONE_PARENT_SETTID } from "../linux/sched.ts";
import { SIGNALS } from "../linux/signal.ts";
import { __WALL } from "../linux/wait.ts";
import type { Process } from "../spec/spec.ts";
import { branch, buffer, call, exit, guard, jump, label, load, set, slot } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { closeAtExec, closeDescriptors, execute } from "./exec.ts";
import { type Control, HIGH, JOINER_CONTROL, joinerDescriptor } from "./joiner-control.ts";
import { openStreams } from "./launcher.ts";
import { setLabel } from "./lsm.ts";
import { joinKeyring } from "./namespace.ts";
import { becomeUser } from "./order.ts";
import {
  becomeRoot,
  openContainerRoot,
  setOomScore,
  setPersonality,
  setRlimits,
  setScheduler,
} from "./process.ts";
import { leaveRawMode } from "./raw-mode.ts";
import { superviseTerminal } from "./relay.ts";
import { enterJoinedRoot, ROOT } from "./root.ts";
import { loadSeccomp } from "./seccomp-load.ts";
import { restoreMask, takeSignals } from "./signal.ts";
import type { Plan, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "./struct.ts";
import { EXIT_CODE, superviseChild, toExitCode } from "./supervise.ts";
import {
  attachTerminal,
  openPair,
  openTerminalChannel,
  sendDescriptor,
  sendMaster,
  THEIRS,
} from "./terminal.ts";

/** What `exec` is to do, beside the process and the container's own configuration. */
export interface Joining {
  /** The CLONE_NEW* flags of the namespaces that are not the caller's. */
  readonly namespaces: number;
  /** The `tasks` files of the cgroups of version 1. */
  readonly tasks: readonly string[];
  /**
   * Directories of version 2: the one to enter, and others for when it may have no processes of its own
   * (EBUSY).
   */
  readonly unified: readonly string[];
  /** hutch lives on until the program runs, and is told of failures; else it has become the supervisor. */
  readonly detached: boolean;
  /** Written by the supervisor in the foreground. */
  readonly pidFile: string | undefined;
  /** A pidfd of the process is sent over the socket among the descriptors. */
  readonly sendsPidfd: boolean;
}

const LAST_DESCRIPTOR = 0xffffffff;
const PAGE = 4096;
const FAILED = 125;

/** Memory of the supervisor and the joiner that the member does not have: the pid cannot be forged there. */
const SHARED = slot("shared memory");
const JOINER = slot("joiner");
const MEMBER = slot("member");
const PIDFD = slot("member pidfd");
const STATUS = buffer("joiner status", 8);
const NUMBER = buffer("pid of the member", 8);

const SETNS_HINTS = {
  ESRCH: "container not running: its first process has just ended",
  EPERM: "joining takes CAP_SYS_ADMIN over the namespaces' owner: exec as the user who made the container",
} as const;

const CLONE_HINTS = {
  ENOMEM: "container not running: its first process has just ended",
  EAGAIN: "a limit on processes is reached: pids.max, or RLIMIT_NPROC",
  EBUSY: "the cgroup has cgroups below it that share its controllers out: try --cgroup",
  ENOENT: "the container's cgroup has been removed",
  EACCES: "the container's cgroup belongs to another user",
  EOPNOTSUPP: "the container's cgroup is a threaded one, or is being removed",
} as const;

/** The whole program: `process` is executed in the container that `context` describes. */
export function planJoiner(context: Context, process: Process, joining: Joining): Plan {
  return [
    ...prepare(context, process, joining),
    ...makeJoiner(joining),
    ...supervise(context, process, joining),
    label("undo"),
    ...(process.terminal && !joining.detached ? leaveRawMode("nothing was raw") : []),
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
function prepare({ launch }: Context, process: Process, { detached }: Joining): Step[] {
  const { preserveFds } = launch;
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
    guard("undo"),
    call(
      "memory in which the joiner leaves a pid",
      "mmap",
      [0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0],
      { into: SHARED },
    ),
    ...(process.terminal ? openChannel(at("console"), detached) : []),
  ];
}

/** The member's end of the way that the terminal takes out has a fixed number, so that the joiner keeps it. */
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

/** The birth of the joiner, in the cgroup of version 2 if there is one; it goes on at the label "joiner". */
function makeJoiner({ unified }: Joining): Step[] {
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
    ...unified.flatMap((path, index) => {
      const busy = `cgroup ${index} is busy`;
      const isLast = index === unified.length - 1;
      return [
        call(`open the cgroup ${path}`, "openat", [AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0], {
          into: directory,
          hints: CLONE_HINTS,
        }),
        call(`${why}, in ${path}`, "clone3", [clone(true), CLONE_ARGS_SIZE], {
          into: JOINER,
          hints: CLONE_HINTS,
          ...(isLast ? {} : { errors: { EBUSY: { to: busy } } }),
        }),
        branch(JOINER, "eq", 0, "joiner"),
        jump(born),
        ...(isLast ? [] : [label(busy), call(`close the cgroup ${path}`, "close", [directory])]),
      ];
    }),
    label(born),
    call("close the cgroup", "close", [directory]),
  ];
}

/** The supervisor, from the birth of the joiner to the end. */
function supervise({ launch }: Context, process: Process, joining: Joining): Step[] {
  const at = (which: Control): number => joinerDescriptor(launch.preserveFds, which);
  const { detached, pidFile, sendsPidfd } = joining;
  const why = "let go of what the joiner has";
  const child = { pid: MEMBER, pidfd: PIDFD };
  return [
    // Nobody in a shared pid namespace may look into the supervisor through /proc (CVE-2016-9962).
    call("keep /proc of the supervisor closed", "prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]),
    ...(detached ? [] : [call(why, "close", [at("report")])]),
    ...learnPid(detached ? at("report") : undefined),
    call("open a pidfd of the member", "pidfd_open", [MEMBER, 0], { into: PIDFD }),
    ...(sendsPidfd ? sendDescriptor("send the pidfd", at("socket"), PIDFD) : []),
    ...(detached
      ? handOver(at("pid"), at("go"))
      : [
          ...(pidFile === undefined ? [] : writePidFile(pidFile)),
          call("keep nothing but what supervising takes", "close_range", [at("init"), at("socket"), 0]),
          ...(process.terminal
            ? superviseTerminal(child, 0)
            : [call(why, "close", [at("console")]), ...superviseChild(child, 0, "supervise")]),
          exit(EXIT_CODE, "exit as the command did"),
        ]),
  ];
}

/** Waits for the end of the joiner, and reads the pid it has left; without one, exits as the joiner did. */
function learnPid(report: number | undefined): Step[] {
  const why = "learn the pid of the member";
  const status = slot("joiner's status");
  const pair = buffer("pid pipe", 8);
  const [from, to] = [slot("pid pipe read"), slot("pid pipe write")];
  return [
    call("wait until the joiner has joined", "wait4", [JOINER, STATUS, __WALL, 0], {
      errors: { EINTR: "retry" },
    }),
    // By a pipe that was made just now, because memory at an address can only be given to the kernel.
    call(why, "pipe2", [pair, O_CLOEXEC]),
    load(from, pair, 0, 4),
    load(to, pair, 4, 4),
    call(why, "write", [to, SHARED, 8]),
    call(why, "read", [from, NUMBER, 8]),
    load(MEMBER, NUMBER, 0, 4),
    call(why, "close", [from]),
    call(why, "close", [to]),
    // Its last copy but the member's: the end of the pipe is then the member's exec.
    ...(report === undefined ? [] : [call("leave reports to the member", "close", [report])]),
    branch(MEMBER, "ne", 0, "member is known"),
    load(status, STATUS, 0, 4),
    ...toExitCode(status, "joiner has failed"),
    exit(EXIT_CODE, "exit as the joiner did, which has told why"),
    label("member is known"),
  ];
}

/** Tells hutch the pid, and leaves the member to the caller when hutch has seen it run. */
function handOver(pid: number, go: number): Step[] {
  const got = slot("go");
  const answer = buffer("go", 8);
  return [
    call("tell hutch the pid", "write", [pid, NUMBER, 8]),
    call("wait until the command runs", "read", [go, answer, 1], { into: got, errors: { EINTR: "retry" } }),
    branch(got, "ne", 1, "undo"),
    exit(0, "leave the command to the caller"),
  ];
}

/** Written whole or not at all. */
function writePidFile(path: string): Step[] {
  const text = buffer("pid text", 24);
  const length = slot("pid text length");
  const file = slot("pid file");
  const temporary = `${path}.hutch`;
  const why = `write the pid to ${path}`;
  return [
    { kind: "decimal", to: text, value: MEMBER, length },
    call(why, "openat", [AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644], {
      into: file,
    }),
    call(why, "write", [file, text, length]),
    call(why, "close", [file]),
    call(why, "renameat2", [AT_FDCWD, temporary, AT_FDCWD, path, 0]),
  ];
}

/** After a failure of the supervisor: no half-made process stays behind. */
const endMember = (): Step[] => [
  guard(),
  branch(PIDFD, "le", 0, "no member"),
  call("end the half-made process", "pidfd_send_signal", [PIDFD, SIGNALS.SIGKILL, 0, 0], {
    errors: { ESRCH: "ignore" },
  }),
  call("collect the half-made process", "wait4", [MEMBER, 0, __WALL, 0], {
    errors: { ECHILD: "ignore", EINTR: "retry" },
  }),
  label("no member"),
];

/** The joiner: what is done outside of the namespaces, the way into them, and the birth of the member. */
function join(context: Context, process: Process, { namespaces, tasks, detached }: Joining): Step[] {
  const at = (which: Control): number => joinerDescriptor(context.launch.preserveFds, which);
  const close = (...which: readonly Control[]): Step[] =>
    which.map((each) => call("hold nothing that the command may not have", "close", [at(each)]));
  return [
    ...tasks.flatMap(enterTasks),
    // While /proc is the host's, and before it is closed.
    ...setOomScore(process),
    // The member inherits what is to become of it at its exec, and finds no /proc of the host's.
    ...setLabel(context, process),
    call("keep /proc of this process closed (CVE-2016-9962)", "prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]),
    call("keep the member away from the memory for its pid", "madvise", [SHARED, PAGE, MADV_DONTFORK]),
    call("hold no descriptor of the host any more", "close_range", [at("program"), LAST_DESCRIPTOR, 0]),
    // All at once: the kernel joins a user namespace first, which grants the rights over those that it owns.
    ...(namespaces === 0
      ? []
      : [call("join the container's namespaces", "setns", [at("init"), namespaces], { hints: SETNS_HINTS })]),
    ...close("init", ...(detached ? [] : (["report"] as const))),
    ...(process.terminal ? [] : close("console")),
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

/** The caller is meant by 0; by `tasks`, not `cgroup.procs`, as in cgroup/v1. */
function enterTasks(path: string): Step[] {
  const why = `enter the cgroup of ${path}`;
  const file = slot("tasks");
  return [
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: file, hints: CLONE_HINTS }),
    call(why, "write", [file, "0", 1], { hints: CLONE_HINTS }),
    call(why, "close", [file]),
  ];
}

/** What runs in the container: as its first process did, from the credentials on. */
function member(context: Context, process: Process, { detached }: Joining): Step[] {
  const { preserveFds } = context.launch;
  return [
    ...becomeRoot(context),
    ...joinKeyring(),
    call("a session of its own", "setsid", []),
    ...(process.terminal ? makeTerminal(process) : []),
    closeDescriptors(preserveFds + (detached ? 1 : 0)),
    ...setRlimits(process, context),
    ...setScheduler(process),
    ...setPersonality(context),
    openContainerRoot(),
    ...becomeUser(context, process),
    closeAtExec(preserveFds),
    restoreMask(),
    ...(process.noNewPrivileges ? loadSeccomp(context) : []),
    ...execute(process, false),
  ];
}

/** A pair of the container's devpts, so that its name is true there. */
const makeTerminal = (process: Process): Step[] => [
  call("open the container's root", "openat", [AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0], { into: ROOT }),
  ...openPair(process),
  ...sendMaster(THEIRS),
  ...attachTerminal(process),
];
