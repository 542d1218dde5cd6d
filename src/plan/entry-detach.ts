/**
 * A detached `exec` without Bun, as container/exec.ts does it: the supervisor is started beside this program,
 * which waits until the command runs, writes its pid, and lets the supervisor go.
 *
 * Until the supervisor is made, whatever does not go as expected is left to Bun. What fails later Bun is only
 * told of (see failed-exec.ts).
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_CREAT, O_TRUNC, O_WRONLY } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, SUN_PATH_AT, SUN_PATH_SIZE } from "../linux/socket.ts";
import { __WALL } from "../linux/wait.ts";
import {
  branch,
  buffer,
  bytes,
  call,
  compute,
  exit,
  jump,
  label,
  load,
  set,
  slot,
  store,
  strings,
} from "./build.ts";
import { VALUES } from "./entry-exec-words.ts";
import { ERRNO, KIND, STEP, tellByBun } from "./entry-failed.ts";
import { INIT, PROGRAM } from "./entry-place.ts";
import { ARGV } from "./entry-title.ts";
import { BUN } from "./entry-words.ts";
import { FAILED } from "./failed-exec.ts";
import { type Control, JOINER_CONTROL, joinerDescriptor } from "./joiner-control.ts";
import type { Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs, ignoredAction, SIGSET_SIZE } from "./struct.ts";

/** Both ends of a pipe. */
const ends = (name: string) => ({ from: slot(`${name} to read`), to: slot(`${name} to write`) }) as const;
const REPORT = ends("report");
const PID = ends("pid");
const GO = ends("go");
const CONSOLE = slot("console socket");
const SUPERVISOR = slot("supervisor");

/** Where the descriptors of the supervisor wait until all are there: above its own. */
const HIGHEST = 100;
const NOT_STARTED = "supervisor is not started";
const orElse = { otherwise: BUN } as const;

export const detach = (): Step[] => [
  ...namePidFile(),
  ...makePipe("for reports", REPORT),
  ...makePipe("for the pid", PID),
  ...makePipe("to the supervisor", GO),
  ...openConsole(),
  ...raiseDescriptors(),
  ...connectConsole(),
  ...start(),
  ...awaitCommand(),
  ...writePid(),
  ...letGo(),
  ...fail(),
];

function makePipe(what: string, { from, to }: ReturnType<typeof ends>): Step[] {
  const pair = buffer("pipe", 8);
  return [
    call(`make a pipe ${what}`, "pipe2", [pair, O_CLOEXEC], orElse),
    load(from, pair, 0, 4),
    load(to, pair, 4, 4),
  ];
}

const PATH_MAX = 4096;
const TEMPORARY = buffer("path of the new pid file", PATH_MAX + 16);
const SUFFIX = ".hutch";
const ADDRESS = buffer("address of the console socket", SUN_PATH_AT + SUN_PATH_SIZE);
const addressLength = slot("length of the address");

const letter = slot("letter of a path");
const from = slot("rest of a path");
const to = slot("rest of the copy");

/** Copies a path with its NUL to `to`; goes on with Bun when there are not so many bytes. */
const copyPath = (path: Slot, room: number): Step[] => {
  const last = slot("last of the copy");
  return [
    set(from, path),
    compute(last, to, "add", room),
    label(`byte of ${path.name}`),
    branch(to, "ge", last, BUN),
    load(letter, from, 0, 1),
    store(to, 0, 1, letter),
    compute(from, from, "add", 1),
    compute(to, to, "add", 1),
    branch(letter, "ne", 0, `byte of ${path.name}`),
    compute(to, to, "sub", 1),
  ];
};

/** The name that container/pid-file.ts writes to first. */
const namePidFile = (): Step[] => [
  branch(VALUES.pidFile, "eq", 0, "pid file is named"),
  set(to, TEMPORARY),
  ...copyPath(VALUES.pidFile, PATH_MAX),
  store(
    to,
    0,
    8,
    [...SUFFIX].reduceRight((sum, each) => (sum << 8n) | BigInt(each.charCodeAt(0)), 0n),
  ),
  label("pid file is named"),
];

/** Without a socket its number is idle. */
const openConsole = (): Step[] => [
  set(CONSOLE, INIT),
  branch(VALUES.consoleSocket, "eq", 0, "console is open"),
  store(ADDRESS, 0, SUN_PATH_AT, AF_UNIX),
  set(to, ADDRESS),
  compute(to, to, "add", SUN_PATH_AT),
  ...copyPath(VALUES.consoleSocket, SUN_PATH_SIZE),
  set(from, ADDRESS),
  compute(addressLength, to, "sub", from),
  compute(addressLength, addressLength, "add", 1),
  call("make a socket", "socket", [AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0], { into: CONSOLE, ...orElse }),
  label("console is open"),
];

/** What the supervisor gets, as in container/exec.ts. */
const HANDED: Readonly<Record<Control, Slot>> = {
  report: REPORT.to,
  console: CONSOLE,
  init: INIT,
  program: PROGRAM,
  pid: PID.to,
  go: GO.from,
  socket: INIT,
};

const high = (which: Control): number => HIGHEST + JOINER_CONTROL.indexOf(which);

/** Away from the numbers that are to be taken. */
const raiseDescriptors = (): Step[] => [
  // They are opened one after the other: who hands on so many descriptors is left to Bun.
  ...Object.values(HANDED).map((each) => branch(each, "ge", HIGHEST, BUN)),
  ...JOINER_CONTROL.map((which) =>
    call("put the descriptors in order", "dup3", [HANDED[which], high(which), O_CLOEXEC], {
      otherwise: NOT_STARTED,
    }),
  ),
];

/** Last, because who listens there may listen once only. */
const connectConsole = (): Step[] => [
  branch(VALUES.consoleSocket, "eq", 0, "console is connected"),
  call("connect to the console socket", "connect", [CONSOLE, ADDRESS, addressLength], {
    otherwise: NOT_STARTED,
  }),
  label("console is connected"),
];

const closeRaised = (otherwise: string): Step =>
  call("leave nothing open", "close_range", [HIGHEST, HIGHEST + JOINER_CONTROL.length - 1, 0], { otherwise });

/** The supervisor, which goes on in the kept joiner. */
const start = (): Step[] => [
  call(
    "make the supervisor",
    "clone3",
    [cloneArgs({ flags: 0, exitSignal: SIGNALS.SIGCHLD }), CLONE_ARGS_SIZE],
    {
      into: SUPERVISOR,
      otherwise: NOT_STARTED,
    },
  ),
  branch(SUPERVISOR, "ne", 0, "supervisor is made"),
  ...JOINER_CONTROL.map((which) =>
    call("hand on the descriptors", "dup3", [high(which), joinerDescriptor(0, which), 0], {
      otherwise: "end of the child",
    }),
  ),
  call(
    "execute the kept joiner",
    "execveat",
    [joinerDescriptor(0, "program"), "", ARGV, strings([]), AT_EMPTY_PATH],
    { otherwise: "end of the child" },
  ),
  label("end of the child"),
  exit(1, "the supervisor could not be executed"),
  label(NOT_STARTED),
  closeRaised(BUN),
  jump(BUN),
  label("supervisor is made"),
];

const MEMBER = buffer("pid of the command", 8);
const RECORD = buffer("report of a step", 16);
const got = slot("bytes of the pid");

/**
 * The pid, and then the end of the pipe of reports, which the exec of the command closes. The ends that
 * others write to must not be open here.
 */
function awaitCommand(): Step[] {
  const why = "wait until the command runs";
  const told = slot("bytes of a report");
  const ended = { otherwise: "supervisor has ended" } as const;
  return [
    closeRaised(ended.otherwise),
    ...[REPORT.to, PID.to, GO.from].map((each) => call(why, "close", [each], ended)),
    // A supervisor that was ended by somebody is told of, and ends nobody else.
    call(
      "write without fear of SIGPIPE",
      "rt_sigaction",
      [SIGNALS.SIGPIPE, ignoredAction(), 0, SIGSET_SIZE],
      ended,
    ),
    call(why, "read", [PID.from, MEMBER, MEMBER.size], { into: got, errors: { EINTR: "retry" }, ...ended }),
    call(why, "read", [REPORT.from, RECORD, RECORD.size], {
      into: told,
      errors: { EINTR: "retry" },
      ...ended,
    }),
    branch(told, "eq", RECORD.size, "step has failed"),
    branch(got, "ne", MEMBER.size, "supervisor has ended"),
  ];
}

/** Written whole or not at all, as container/pid-file.ts does. */
function writePid(): Step[] {
  const why = "write the pid file";
  const text = buffer("pid text", 24);
  const [file, pid, length] = [slot("pid file"), slot("pid of the command"), slot("length of the pid")];
  const failed = { otherwise: "pid file has failed" } as const;
  return [
    branch(VALUES.pidFile, "eq", 0, "pid is written"),
    load(pid, MEMBER, 0, 4),
    { kind: "decimal", to: text, value: pid, length },
    call(why, "openat", [AT_FDCWD, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644], {
      into: file,
      ...failed,
    }),
    call(why, "write", [file, text, length], { into: got, ...failed }),
    branch(got, "ne", length, "pid file has failed"),
    call(why, "close", [file], failed),
    call(why, "renameat2", [AT_FDCWD, TEMPORARY, AT_FDCWD, VALUES.pidFile, 0], failed),
    label("pid is written"),
  ];
}

/** Without a byte in the pipe, the supervisor ends the command. */
const letGo = (): Step[] => [
  call("let the supervisor go", "write", [GO.to, bytes(new Uint8Array([1])), 1], {
    otherwise: "supervisor has ended",
  }),
  ...awaitSupervisor("gone"),
  exit(0, "the command is its caller's"),
];

const awaitSupervisor = (key: string): Step[] => [
  call("close the pipe to the supervisor", "close", [GO.to], { otherwise: `${key}: pipe is closed` }),
  label(`${key}: pipe is closed`),
  call("wait for the supervisor", "wait4", [SUPERVISOR, 0, __WALL, 0], {
    errors: { EINTR: "retry" },
    otherwise: `${key}: supervisor has ended`,
  }),
  label(`${key}: supervisor has ended`),
];

const fail = (): Step[] => [
  label("step has failed"),
  load(STEP, RECORD, 0, 8),
  load(ERRNO, RECORD, 8, 4),
  set(KIND, FAILED.step),
  jump("exec has failed"),
  label("pid file has failed"),
  set(KIND, FAILED.pidFile),
  jump("exec has failed"),
  label("supervisor has ended"),
  set(KIND, FAILED.ended),
  label("exec has failed"),
  ...awaitSupervisor("failed"),
  ...tellByBun(),
];
