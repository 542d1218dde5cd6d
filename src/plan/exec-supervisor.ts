/** The part of `exec` that stays outside of the container (see joiner.ts), from the birth of the joiner on. */
import { AT_FDCWD, O_CLOEXEC, O_CREAT, O_TRUNC, O_WRONLY } from "../linux/fcntl.ts";
import { PR_SET_DUMPABLE } from "../linux/prctl.ts";
import { __WALL } from "../linux/wait.ts";
import type { Process } from "../spec/spec.ts";
import { branch, buffer, call, exit, label, load, slot } from "./build.ts";
import type { Context } from "./context.ts";
import { awaitBirth, tellEnd, tellPid } from "./follow.ts";
import { type Control, type Joining, joinerDescriptor } from "./joiner-control.ts";
import { PARENT_DIED } from "./parent-death.ts";
import { superviseTerminal } from "./relay.ts";
import type { Step } from "./step.ts";
import { EXIT_CODE, endChild, superviseChild, toExitCode } from "./supervise.ts";
import { sendDescriptor } from "./terminal.ts";

/** Memory of the supervisor and the joiner that the member does not have: the pid cannot be forged there. */
export const SHARED = slot("shared memory");
export const JOINER = slot("joiner");
export const MEMBER = slot("member");
const PIDFD = slot("member pidfd");
const STATUS = buffer("joiner status", 8);
const NUMBER = buffer("pid of the member", 8);

/** The supervisor, from the birth of the joiner to the end. */
export function supervise(context: Context, process: Process, joining: Joining): Step[] {
  const { launch } = context;
  const at = (which: Control): number => joinerDescriptor(launch.preserveFds, which);
  const { detached, pidFile, sendsPidfd } = joining;
  const why = "let go of what the joiner has";
  const child = { pid: MEMBER, pidfd: PIDFD };
  return [
    // Nobody in a shared pid namespace may look into the supervisor through /proc (CVE-2016-9962).
    call("keep /proc of the supervisor closed", "prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]),
    ...(detached ? [] : [call(why, "close", [at("report")])]),
    ...learnPid(detached && !launch.followed ? at("report") : undefined),
    call("open a pidfd of the member", "pidfd_open", [MEMBER, 0], { into: PIDFD }),
    ...(sendsPidfd ? sendDescriptor("send the pidfd", at("socket"), PIDFD) : []),
    ...(launch.followed
      ? [
          ...tellPid(context, MEMBER),
          ...awaitBirth(context),
          call("keep nothing but what supervising takes", "close_range", [at("init"), at("socket"), 0]),
          ...(process.terminal
            ? superviseTerminal({ ...child, endedBy: PARENT_DIED }, 0)
            : superviseChild({ ...child, endedBy: PARENT_DIED }, 0, "supervise")),
          ...tellEnd(context),
          exit(EXIT_CODE, "exit as the command did"),
        ]
      : detached
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

/** After a failure of the supervisor. */
export const endMember = (): Step[] => endChild(MEMBER, PIDFD);
