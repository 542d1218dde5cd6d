/** hutch exec: the joiner is made here, and then this process becomes it, or waits until it is done. */
import { execInPlace } from "../host/exec.ts";
import { close, read, write } from "../host/fd.ts";
import { executable } from "../host/memfd.ts";
import { makePipe } from "../host/pipe.ts";
import { connect } from "../host/socket.ts";
import { call, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { F_DUPFD_CLOEXEC } from "../linux/fcntl.ts";
import { HIGH, JOINER_CONTROL } from "../plan/joiner-control.ts";
import { writePidFile } from "./pid-file.ts";
import { preserve } from "./preserve.ts";
import type { Program } from "./program.ts";
import { nextRecord } from "./step-record.ts";

/** A joiner that is compiled, and what it is handed. */
export interface Exec {
  readonly id: string;
  readonly program: Program;
  /** The descriptor of a pidfd of the container's first process. */
  readonly init: number;
  readonly preserveFds: number;
  /** Where a pidfd of the process is sent to. */
  readonly pidfdSocket: string | undefined;
}

const STREAMS = 3;

/** So many fit below the descriptors that are handed over. */
const MOST_PRESERVED = HIGH.program - STREAMS - JOINER_CONTROL.length;

/** To be called before anything else is opened, which would take a number that is not the caller's. */
export function preserveForExec(count: number): void {
  if (count > MOST_PRESERVED) {
    throw new HutchError({
      operation: `--preserve-fds ${count}`,
      reason: `expected at most ${MOST_PRESERVED}`,
    });
  }
  preserve(count);
}

const preservedBy = ({ preserveFds }: Exec): number[] =>
  Array.from({ length: preserveFds }, (_, index) => STREAMS + index);

/** The result of a call that gives a descriptor a high number; throws when that is above the limit. */
function placed(result: number): number {
  if (!failed(result)) return result;
  // "program", "init" and "socket" are first moved behind the three.
  const hint = `RLIMIT_NOFILE must be above ${HIGH.socket + 3} (ulimit -Hn)`;
  throw syscallError("keep a descriptor over the exec", result, hint);
}

/** Puts a descriptor at a number where it outlives the exec. */
const place = (descriptor: number, number: number): number => placed(syscall("dup3", descriptor, number, 0));

/** Becomes the supervisor of the process, which exits as the process does; comes back only by throwing. */
export function execInForeground(exec: Exec): never {
  const socket = exec.pidfdSocket === undefined ? exec.init : connect(exec.pidfdSocket);
  const program = executable(exec.program.bytes, "hutch");
  // First away from the numbers that are to be taken.
  const move = (fd: number): number => placed(syscall("fcntl", fd, F_DUPFD_CLOEXEC, HIGH.socket + 1));
  const moved = { program: move(program), init: move(exec.init), socket: move(socket) };
  place(moved.program, HIGH.program);
  place(moved.init, HIGH.init);
  place(moved.socket, HIGH.socket);
  execInPlace(HIGH.program, ["hutch", `hutch-${exec.id}`], []);
}

/** What is to become of the process of a detached exec. */
export interface Detached {
  readonly pidFile: string | undefined;
  readonly consoleSocket: string | undefined;
}

/** Starts the process, and comes back when its program runs; throws when it does not come to that. */
export async function execDetached(exec: Exec, { pidFile, consoleSocket }: Detached): Promise<void> {
  const { id, program } = exec;
  const consoleEnd = consoleSocket === undefined ? undefined : connect(consoleSocket);
  const socket = exec.pidfdSocket === undefined ? undefined : connect(exec.pidfdSocket);
  const [report, pid, go] = [makePipe("for reports"), makePipe("for the pid"), makePipe("to the supervisor")];
  const file = executable(exec.program.bytes, "hutch");
  const { init } = exec;
  const control: Readonly<Record<(typeof JOINER_CONTROL)[number], number>> = {
    report: report.write,
    console: consoleEnd ?? init,
    init,
    program: file,
    pid: pid.write,
    go: go.read,
    socket: socket ?? init,
  };
  const child = Bun.spawn([`/proc/${call("ask for the process id", "getpid")}/fd/${file}`, `hutch-${id}`], {
    argv0: "hutch",
    env: {},
    stdio: [
      "inherit",
      "inherit",
      "inherit",
      ...preservedBy(exec),
      ...JOINER_CONTROL.map((which) => control[which]),
    ],
  });
  for (const fd of new Set(Object.values(control))) close(fd);
  try {
    const number = await follow(program, id, pid.read, report.read);
    if (pidFile !== undefined) writePidFile(pidFile, number);
    write(go.write, new Uint8Array([1]), "the supervisor");
  } finally {
    // Without a byte in it, the supervisor ends the process.
    close(go.write);
    await child.exited;
  }
}

/** The error of a process that ended, nobody knows why. */
export const endedEarly = (id: string): HutchError =>
  new HutchError({ operation: `exec in ${id}`, reason: "the process ended before its command ran" });

/** The pid, once the exec has closed the pipe of reports; a report is the end instead. */
async function follow(program: Program, id: string, pids: number, reports: number): Promise<number> {
  const pid = new DataView(new ArrayBuffer(8));
  const isTold = read(pids, new Uint8Array(pid.buffer), "the pid") === pid.byteLength;
  const report = nextRecord(reports, "reports");
  if (report !== undefined) {
    const { stepError } = await import("./step-error.ts");
    throw stepError(await program.plan(), report);
  }
  if (isTold) return pid.getUint32(0, true);
  throw endedEarly(id);
}
