/** hutch exec: the joiner is made here, and then this process becomes it, or waits until it is done. */
import { execInPlace } from "../host/exec.ts";
import { close, read, write, writeFile } from "../host/fd.ts";
import { executable } from "../host/memfd.ts";
import { rename } from "../host/path.ts";
import { makePipe } from "../host/pipe.ts";
import { connect } from "../host/socket.ts";
import { call, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { F_DUPFD_CLOEXEC, F_SETFD } from "../linux/fcntl.ts";
import { HIGH, JOINER_CONTROL, joinerDescriptor } from "../plan/joiner-control.ts";
import type { Plan } from "../plan/step.ts";

/** A joiner that is compiled, and what it is handed. */
export interface Exec {
  readonly id: string;
  readonly program: Uint8Array;
  /** What the program was made from, to tell of a failure; made anew when the program was kept. */
  readonly plan: () => Promise<Plan>;
  /** The descriptor of a pidfd of the container's first process. */
  readonly init: number;
  readonly preserveFds: number;
  /** Where a pidfd of the process is sent to. */
  readonly pidfdSocket: string | undefined;
}

const STREAMS = 3;

/** So many fit below the descriptors that are handed over. */
const MOST_PRESERVED = HIGH.program - STREAMS - JOINER_CONTROL.length;

export function checkPreserved(preserveFds: number): void {
  if (preserveFds <= MOST_PRESERVED) return;
  throw new HutchError({
    operation: `--preserve-fds ${preserveFds}`,
    reason: `expected at most ${MOST_PRESERVED}`,
  });
}

const preservedBy = ({ preserveFds }: Exec): number[] =>
  Array.from({ length: preserveFds }, (_, index) => STREAMS + index);

/** Puts a descriptor at a number where it outlives the exec. */
function place(descriptor: number, number: number): void {
  const result = syscall("dup3", descriptor, number, 0);
  if (!failed(result)) return;
  throw syscallError("keep a descriptor over the exec", result, `RLIMIT_NOFILE must be above ${HIGH.socket}`);
}

/** Becomes the supervisor of the process, which exits as the process does; comes back only by throwing. */
export function execInForeground(exec: Exec): never {
  const socket = exec.pidfdSocket === undefined ? undefined : connect(exec.pidfdSocket);
  const file = executable(exec.program, "hutch");
  // Bun has marked most of what it was started with to be closed.
  for (const fd of preservedBy(exec)) call(`keep descriptor ${fd}`, "fcntl", fd, F_SETFD, 0);
  // Away from the numbers that are to be taken.
  const above = HIGH.socket + 1;
  const [from, init] = [file, exec.init].map((fd) =>
    call("move a descriptor", "fcntl", fd, F_DUPFD_CLOEXEC, above),
  );
  place(from ?? file, HIGH.program);
  place(init ?? exec.init, HIGH.init);
  place(socket ?? init ?? exec.init, HIGH.socket);
  execInPlace(HIGH.program, ["hutch", `hutch-${exec.id}`], []);
}

/** What is to become of the process of a detached exec. */
export interface Detached {
  readonly pidFile: string | undefined;
  readonly consoleSocket: string | undefined;
}

/** Starts the process, and comes back when its program runs; throws when it does not come to that. */
export async function execDetached(exec: Exec, { pidFile, consoleSocket }: Detached): Promise<void> {
  const { id, plan } = exec;
  const consoleEnd = consoleSocket === undefined ? undefined : connect(consoleSocket);
  const socket = exec.pidfdSocket === undefined ? undefined : connect(exec.pidfdSocket);
  const [report, pid, go] = [makePipe("for reports"), makePipe("for the pid"), makePipe("to the supervisor")];
  const file = executable(exec.program, "hutch");
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
    const number = await follow(plan, id, pid.read, report.read);
    if (pidFile !== undefined) writePidFile(pidFile, number);
    write(go.write, new Uint8Array([1]), "the supervisor");
  } finally {
    // Without a byte in it, the supervisor ends the process.
    close(go.write);
    await child.exited;
  }
}

/** The pid, once the exec has closed the pipe of reports; a report is the end instead. */
async function follow(plan: Exec["plan"], id: string, pids: number, reports: number): Promise<number> {
  const pid = await readRecord(pids, 8, "the pid");
  const report = await readRecord(reports, 16, "reports");
  if (report !== undefined) {
    const { stepError } = await import("./create.ts");
    throw stepError(await plan(), Number(report.getBigUint64(0, true)), Number(report.getBigUint64(8, true)));
  }
  if (pid !== undefined) return pid.getUint32(0, true);
  throw new HutchError({ operation: `exec in ${id}`, reason: "the process ended before its command ran" });
}

/** So many bytes, or undefined at the end. */
async function readRecord(fd: number, size: number, what: string): Promise<DataView | undefined> {
  const view = new DataView(new ArrayBuffer(size));
  return read(fd, new Uint8Array(view.buffer), what) < size ? undefined : view;
}

function writePidFile(path: string, pid: number): void {
  writeFile(`${path}.hutch`, `${pid}`, { mode: 0o644 });
  rename(`${path}.hutch`, path);
}
