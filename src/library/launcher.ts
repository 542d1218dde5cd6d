/** One start: the program is spawned, and followed by what it tells until the container has ended. */
import { stepError } from "../container/step-error.ts";
import { close } from "../host/fd.ts";
import { makePipe } from "../host/pipe.ts";
import type { WindowSize } from "../host/terminal.ts";
import { isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import { EVENT } from "../plan/creator-control.ts";
import type { Plan } from "../plan/step.ts";
import { type End, endOf, isFailure, type Report, readReports } from "./reports.ts";
import type { Stream, Streams } from "./stream.ts";
import { readTail } from "./tail.ts";
import { openWindow, type Window } from "./window.ts";

export interface Start {
  readonly id: string;
  /** The descriptor of the program, and what it was compiled from. */
  readonly file: number;
  readonly plan: Plan;
  /** Arguments of the program after its name and the container's. */
  readonly words?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly streams: Streams;
  /** The terminal takes the place of the standard error; its size, if it has one. */
  readonly terminal?: { readonly size: WindowSize | undefined } | undefined;
  /** To be removed when the program cannot do it. */
  readonly cgroups?: readonly string[];
  /** Descriptors that the program is handed after the one for its reports. */
  readonly control?: readonly number[];
  /** The program runs hooks, which may hang: they are ended by what ends a launcher that relays. */
  readonly hooks?: boolean;
  /** What was said when the description was read. */
  readonly warnings: readonly string[];
}

/** How a container ended. */
export interface Exit extends End {
  /**
   * The kernel has killed a process of it for want of memory; undefined where that is not known: of a
   * container whose memory is not limited, and of a process that was added to one.
   */
  readonly oom: boolean | undefined;
  /** The most memory that it has used, in bytes; undefined where it is not limited or not counted. */
  readonly memoryPeak: number | undefined;
  /** What did not keep the container from running: a cgroup that could not be removed, for example. */
  readonly warnings: readonly string[];
}

/** A launcher that was spawned. */
export interface Launched {
  readonly child: Bun.Subprocess<Stream, Stream, Stream>;
  /** The number of the container's first process; undefined before it is known. */
  readonly init: () => number | undefined;
  /** Fulfilled when that number is known; never, when it does not come to that. */
  readonly named: Promise<void>;
  /** Fulfilled when its program runs; rejected, after all is undone, with what the start failed at. */
  readonly running: Promise<void>;
  /** Fulfilled when the container has ended, and all that was made for it is removed. */
  readonly exited: Promise<Exit>;
  /** Its launcher may wait for hooks. */
  readonly hooks: boolean;
  /** Gives the terminal another size; undefined where there is none. */
  readonly resize: Window["resize"] | undefined;
  /** Follows no longer; the exit is then the launcher's own. */
  readonly letGo: () => void;
}

/** Spawns the launcher; nothing here waits. */
export function launch(start: Start): Launched {
  const pipe = makePipe("for reports");
  let window: Window | undefined;
  try {
    window = start.terminal === undefined ? undefined : openWindow(start.terminal.size);
    const [stdin, stdout, stderr] = start.streams;
    const [program, name] = [`/proc/${process.pid}/fd/${start.file}`, `hutch-${start.id}`];
    const child = Bun.spawn([program, name, ...(start.words ?? [])], {
      argv0: "hutch",
      env: start.environment,
      stdio: [stdin, stdout, window?.stream ?? stderr, pipe.write, ...(start.control ?? [])],
      // Else Bun reads on while nobody takes it, and a container could fill this process's memory.
      lazy: true,
    });
    return follow(start, child, pipe.read, window);
  } catch (error) {
    close(pipe.read);
    window?.close();
    throw spawnError(start.id, error);
  } finally {
    close(pipe.write);
    if (window !== undefined) close(window.stream);
  }
}

/** Learns from the reports what becomes of the container. */
function follow(start: Start, child: Launched["child"], fd: number, window: Window | undefined): Launched {
  const failures: Report[] = [];
  let init: number | undefined;
  let hasBegun = false;
  let isRunning = false;
  let end: End | undefined;
  let oom: boolean | undefined;
  let memoryPeak: number | undefined;
  const [naming, birth] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const reports = readReports(fd, (report) => {
    if (isFailure(report)) failures.push(report);
    else if (report.index === EVENT.pid) {
      init = report.value;
      naming.resolve();
    } else if (report.index === EVENT.exited) end = endOf(report.value);
    else if (report.index === EVENT.oomKills) oom = isKnown(report.value) ? report.value > 0 : undefined;
    else if (report.index === EVENT.memoryPeak && isKnown(report.value)) memoryPeak = report.value;
    else if (report.index === EVENT.began) hasBegun = failures.length === 0;
    // What init has failed at it has told before; hooks that fail when it has begun change nothing.
    else if (report.index === EVENT.running && (hasBegun || failures.length === 0)) {
      isRunning = true;
      birth.resolve();
    }
  });
  const errors = (): HutchError[] => failures.map((failure) => stepError(start.plan, failure));
  const exited = Promise.all([child.exited, reports.ended]).then(async ([code]): Promise<Exit> => {
    window?.close();
    const [first, ...rest] = errors();
    // Whoever has made its first process has made its cgroup before, which is nobody else's then.
    const left = child.signalCode !== null && init !== undefined ? await clearUp(start) : [];
    if (!isRunning) birth.reject(await withWritten(first ?? endedEarly(start.id, code), start, child));
    return {
      ...(end ?? ownEnd(child)),
      oom,
      memoryPeak,
      warnings: [...said(start, isRunning ? first : undefined, rest), ...left],
    };
  });
  return {
    child,
    init: () => init,
    named: naming.promise,
    running: birth.promise,
    exited,
    hooks: start.hooks ?? false,
    resize: window === undefined ? undefined : resizer(child, window),
    letGo: () => void reports.stop(),
  };
}

/** Of a hook that has failed its errors say more; nobody else reads those of a container that did not run. */
async function withWritten(
  error: HutchError,
  { hooks }: Start,
  { stderr }: Launched["child"],
): Promise<HutchError> {
  if (!hooks || !(stderr instanceof ReadableStream)) return error;
  const text = (await readTail(stderr)).trim();
  if (text === "") return error;
  const { operation, errno, hint, exitCode, reason } = error;
  const said = reason === undefined ? text : `${reason}: ${text}`;
  return new HutchError({ operation, errno, hint, exitCode, reason: said });
}

/** The launcher looks at the window when it hears of it. */
const resizer =
  (child: Launched["child"], window: Window): Window["resize"] =>
  (size) => {
    const isOpen = window.resize(size);
    if (isOpen) child.kill("SIGWINCH");
    return isOpen;
  };

/** The end of a launcher that could not tell of the container's. */
const ownEnd = ({ exitCode, signalCode }: Launched["child"]): End => ({
  code: exitCode,
  signal: signalCode === null ? null : `${signalCode}`,
  timedOut: false,
});

/** After a launcher that was killed: its container ends with it, but the cgroup is left. */
async function clearUp({ id, cgroups = [] }: Start): Promise<string[]> {
  const warnings = [`the launcher of ${id} was killed, and with it what it had started`];
  try {
    if (cgroups.length > 0) (await import("../container/remove-cgroups.ts")).removeCgroups(cgroups);
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
    warnings.push(error.message);
  }
  return warnings;
}

/** What the kernel did not count is told as −1. */
const isKnown = (count: number): boolean => Number.isSafeInteger(count);

const said = ({ warnings }: Start, first: HutchError | undefined, rest: readonly HutchError[]): string[] => [
  ...warnings,
  ...(first === undefined ? [] : [first, ...rest]).map(({ message }) => message),
];

/** What Bun.spawn has thrown: a descriptor that is not open, or a limit of the machine's. */
function spawnError(id: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string" || !isErrnoName(code)) return error;
  const hint = code === "EBADF" ? "one of the streams is not open" : undefined;
  return new HutchError({ operation: `start ${id}: spawn its launcher`, errno: code, hint, cause: error });
}

const endedEarly = (id: string, code: number): HutchError =>
  new HutchError({ operation: `start ${id}`, reason: `the launcher ended with ${code} before its time` });
