/** A container that runs, as the library shows it. */
import { cgroupReader } from "../container/events.ts";
import { statOf } from "../container/process.ts";
import { close } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { errnoOf, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { SIGNALS, type SignalName, signalNumber } from "../linux/signal.ts";
import { PARENT_DIED } from "../plan/parent-death.ts";
import type { Exit, Launched } from "./launcher.ts";
import { readStats, type Stats } from "./stats.ts";
import type { Stream } from "./stream.ts";

/** A process of a container, or the container as a whole by its first one. */
export interface RunningProcess<
  In extends Stream = Stream,
  Out extends Stream = Stream,
  Err extends Stream = Stream,
> extends AsyncDisposable {
  /** On the host. */
  readonly pid: number;
  /** A sink when it is a pipe. */
  readonly stdin: Bun.SpawnOptions.WritableToIO<In>;
  /** A stream when it is a pipe. */
  readonly stdout: Bun.SpawnOptions.ReadableToIO<Out>;
  readonly stderr: Bun.SpawnOptions.ReadableToIO<Err>;
  /** Fulfilled when it has ended and all that was made for it is removed; never rejected. */
  readonly exited: Promise<Exit>;
  /**
   * Sends a signal, SIGTERM when nothing is said; false when it has ended already. The first process of a
   * container gets those alone that it handles, and SIGKILL and SIGSTOP (pid_namespaces(7)). Throws
   * HutchError for a signal that is not known.
   */
  readonly kill: (signal?: SignalName | number) => boolean;
  /**
   * Gives its terminal another size, in characters; false when it has ended already. Throws HutchError when
   * it has no terminal.
   */
  readonly resize: (columns: number, rows: number) => boolean;
}

/** The part that is common to a container and to a process that was added to it. */
export function processOf(launched: Launched): RunningProcess {
  const { child, exited } = launched;
  const pid = launched.init() ?? child.pid;
  const kill: RunningProcess["kill"] = (signal = "SIGTERM") =>
    signalChild(launched, signalNumber(`${signal}`));
  return {
    pid,
    stdin: child.stdin,
    // Once it is looked at, Bun keeps it open until it is read or cancelled.
    get stdout() {
      return child.stdout;
    },
    get stderr() {
      return child.stderr;
    },
    exited,
    kill,
    resize: (columns, rows) => {
      if (launched.resize !== undefined) return launched.resize({ columns, rows });
      throw new HutchError({ operation: "resize", reason: "there is no terminal" });
    },
    [Symbol.asyncDispose]: async () => {
      kill("SIGKILL");
      await exited;
    },
  };
}

/**
 * A pidfd of the process, undefined when it has ended. Its number is good while its launcher, which alone can
 * collect it, is its parent; that is looked at last, so that the number cannot pass on in between.
 */
export function openChild({ child, init }: Launched): number | undefined {
  const pid = init();
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return undefined;
  const fd = syscall("pidfd_open", pid, 0);
  if (failed(fd)) {
    if (errnoOf(fd) === "ESRCH") return undefined;
    throw syscallError(`open a pidfd of ${pid}`, fd);
  }
  if (statOf(pid)?.parent === child.pid) return fd;
  close(fd);
  return undefined;
}

/** The relay of a terminal would wait for somebody who takes the last of the output. */
function abandon({ child, resize }: Launched): void {
  if (resize !== undefined) tellLauncher(child);
}

function tellLauncher({ exitCode, signalCode, pid }: Launched["child"]): void {
  if (exitCode === null && signalCode === null) syscall("kill", pid, PARENT_DIED);
}

/** A hook would be waited for. Not when it has begun to run: then it may be a last one, which clears up. */
export function abandonHooks({ child, hooks, named }: Launched): void {
  // Before that, the launcher does not listen.
  if (hooks) void named.then(() => tellLauncher(child));
}

/** Sends a signal to the process; false when it has ended. */
export function signalChild(launched: Launched, signal: number): boolean {
  const isReached = send(launched, signal);
  if (signal === SIGNALS.SIGKILL) abandon(launched);
  return isReached;
}

function send(launched: Launched, signal: number): boolean {
  const fd = openChild(launched);
  if (fd === undefined) return false;
  const result = syscall("pidfd_send_signal", fd, signal, 0, 0);
  close(fd);
  if (failed(result) && errnoOf(result) !== "ESRCH") throw syscallError(`send signal ${signal}`, result);
  return !failed(result);
}

/** Ends it when the signal is aborted, as long as it runs. */
export function endOnAbort(launched: Launched, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  // Nobody is there to be ended before the pid is known.
  const end = (): void => void launched.named.then(() => signalChild(launched, SIGNALS.SIGKILL));
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  void launched.exited.then(() => signal.removeEventListener("abort", end));
}

/** What the cgroups of a container say. */
export function statsOf(id: string, cgroups: readonly string[]): Stats {
  const isThere = (path: string): boolean => fileKind(path) === "directory";
  if (cgroups.some(isThere)) return readStats(cgroupReader(cgroups));
  if (cgroups.length > 0) {
    throw new HutchError({ operation: `stats of ${id}`, reason: "the container has ended" });
  }
  throw new HutchError({
    operation: `stats of ${id}`,
    reason: "the container has no cgroup of its own",
    hint: "it gets one by a limit: memory, cpus or pids",
  });
}
