/**
 * A container in the foreground that has hooks: hutch stays beside it, runs them, and clears up at the end.
 * Its creator supervises it in a session of its own, so that a signal from the caller's terminal comes once:
 * to hutch, who passes it on.
 */
import { poll } from "../host/poll.ts";
import { HutchError } from "../linux/error.ts";
import { POLLIN } from "../linux/poll.ts";
import { SIGNALS, type SignalName } from "../linux/signal.ts";
import { type Creation, createBeside, type Supervisor } from "./create.ts";
import { deleteForced } from "./delete.ts";
import { start } from "./start.ts";
import { load } from "./state.ts";

/**
 * What a caller may tell a container. The others tell of faults of hutch's own, stop a job of a shell, are
 * not known to Bun (the real-time ones) or are its own (SIGPWR).
 */
const PASSED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGCONT",
  "SIGURG",
  "SIGWINCH",
  "SIGIO",
] as const;
/** What ends a container that is still being made. */
const ENDING: readonly string[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];

export interface Beside {
  readonly creation: Omit<Creation, "whenMade"> & {
    /** Hooks of the host, until `stop` tells them to end. */
    readonly whenMade: (record: Creation["record"], stop: AbortSignal) => Promise<void>;
  };
  /** The state stays until `hutch delete`. */
  readonly keeps: boolean;
  readonly warn: (line: string) => void;
}

interface Signals {
  /** Passes on what came, and what will come; before that, a signal that ends is told to `stop`. */
  readonly passTo: (send: (signal: SignalName) => void) => void;
  readonly stop: AbortSignal;
  readonly leave: () => void;
}

function takeSignals(): Signals {
  const stop = new AbortController();
  const waiting: SignalName[] = [];
  let send = (signal: SignalName): void => {
    waiting.push(signal);
    if (ENDING.includes(signal)) stop.abort(interrupted(signal));
  };
  const handlers = PASSED.map((name) => [name, () => send(name)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return {
    passTo: (pass) => {
      send = pass;
      for (const signal of waiting) pass(signal);
    },
    stop: stop.signal,
    leave: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}

/** As a shell tells of a command that a signal has ended. */
const interrupted = (signal: SignalName): HutchError =>
  new HutchError({
    operation: "run",
    reason: `ended by ${signal} before the container had begun`,
    exitCode: 128 + SIGNALS[signal],
  });

/** So long, in milliseconds, a signal may wait: a handler runs only when nothing blocks this thread. */
const DEAF_MS = 50;

async function untilReadable(fd: number, stop: AbortSignal): Promise<void> {
  while (poll([{ fd, events: POLLIN }], DEAF_MS)[0] === 0) {
    await Bun.sleep(0);
    stop.throwIfAborted();
  }
}

/** Runs the container to its end; gives its exit code. */
export async function runBeside({ creation, keeps, warn }: Beside): Promise<number> {
  const signals = takeSignals();
  const { root, record } = creation;
  const whenMade = (made: Creation["record"]) => creation.whenMade(made, signals.stop);
  const untilTold = (fd: number) => untilReadable(fd, signals.stop);
  try {
    const supervisor = await createBeside({ ...creation, whenMade, untilTold });
    try {
      return await superviseFrom(supervisor, signals, { root, id: record.id, warn });
    } finally {
      if (!keeps) await deleteForced(root, record.id, warn);
    }
  } catch (error) {
    // That a hook was ended is not what the caller wants to hear.
    signals.stop.throwIfAborted();
    throw error;
  } finally {
    signals.leave();
  }
}

interface Running extends Pick<Beside, "warn"> {
  readonly root: string;
  readonly id: string;
}

/** From `start` to the end. */
async function superviseFrom(
  supervisor: Supervisor,
  { stop, passTo }: Signals,
  { root, id, warn }: Running,
): Promise<number> {
  try {
    stop.throwIfAborted();
    passTo(supervisor.signal);
    await start(load(root, id), warn);
    return await supervisor.ended();
  } catch (error) {
    await deleteForced(root, id, warn);
    // It is not ended itself, because it has to give the caller's terminal back.
    await supervisor.ended();
    throw error;
  }
}
