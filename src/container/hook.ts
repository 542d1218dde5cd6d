/**
 * Hooks that run outside of the container (OCI config.md, "POSIX-platform Hooks"): prestart, createRuntime,
 * poststart and poststop. One after the other, the state on standard input, and no environment but their own.
 */
import { inheritedNofile, ownNofile, setNofile } from "../host/exec.ts";
import { close, setNonblock } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { makePipe } from "../host/pipe.ts";
import { failed, syscall } from "../host/syscall.ts";
import { type ErrnoName, isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import { SIGNALS } from "../linux/signal.ts";
import type { HOOK_NAMES, Hook } from "../spec/hooks.ts";
import { type Container, stateJson } from "./state.ts";

export type HookName = (typeof HOOK_NAMES)[number];

/** What hooks are told, and where they start. */
export interface HookContext {
  /** The state of the container as JSON. */
  readonly state: string;
  /** The bundle. */
  readonly cwd: string;
  /** Ends the hook that runs. */
  readonly stop?: AbortSignal | undefined;
}

/** What the hooks of a container are told now. */
export const hookContext = (container: Container): HookContext => ({
  state: JSON.stringify(stateJson(container)),
  cwd: container.record.bundle,
});

const SECOND_MS = 1000;
/** A timer counts in signed 32 bits; longer than 24 days is for ever. */
const LONGEST_MS = 0x7fffffff;
/** So much of what a hook has written last is told when it fails. */
const TAIL = 2048;
/** How often output is taken, in milliseconds: a pipe holds 64 KiB, then its writer waits. */
const TAKE_MS = 5;
const PIPE_SIZE = 65_536;
/** A writer that is faster than its reader must not keep it for ever. */
const MOST_READS = 16;

interface Output {
  /** The end that the hook writes to. */
  readonly end: number;
  /** Takes what is there. */
  readonly take: () => void;
  /** Takes what is there, lets go of the pipe, and gives the last that was written. */
  readonly finish: () => string;
}

/**
 * A pipe of hutch's own, because Bun's is a socket, and a socket cannot be opened as /dev/stderr. Nobody
 * waits for its end: a process that the hook leaves behind may hold it.
 */
function makeOutput(what: string): Output {
  const pipe = makePipe(`for ${what}`);
  setNonblock(pipe.read, true);
  const bytes = new Uint8Array(new ArrayBuffer(PIPE_SIZE));
  const decoder = new TextDecoder();
  let tail = "";
  const take = (): void => {
    for (let count = 0; count < MOST_READS; count += 1) {
      const length = syscall("read", pipe.read, bytes, PIPE_SIZE);
      if (length <= 0) return;
      const text = decoder.decode(new Uint8Array(bytes.buffer, 0, length), { stream: true });
      tail = (tail + text).slice(-TAIL);
    }
  };
  const finish = (): string => {
    take();
    close(pipe.read);
    return tail.trim();
  };
  return { end: pipe.write, take, finish };
}

/** The environment as the table that Bun takes; of one name the last counts, as in Go's os/exec. */
const tableOf = (env: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    env.map((entry) => {
      const equals = entry.indexOf("=");
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );

function errnoIn(error: unknown): ErrnoName | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && isErrnoName(code) ? code : undefined;
}

/** Bun has raised RLIMIT_NOFILE for itself; a hook has the one that hutch was started with. */
function withInheritedLimit<T>(use: () => T): T {
  const [own, inherited] = [ownNofile(), inheritedNofile()];
  if (own === undefined || inherited === undefined || own.soft === inherited.soft) return use();
  setNofile(inherited);
  try {
    return use();
  } finally {
    setNofile(own);
  }
}

type Outputs = readonly [stdout: Output, stderr: Output];

function spawn(hook: Hook, { state, cwd }: HookContext, [stdout, stderr]: Outputs): Bun.Subprocess {
  const { path, args = [], env = [] } = hook;
  return withInheritedLimit(() =>
    Bun.spawn([path, ...args.slice(1)], {
      argv0: args[0] ?? path,
      env: tableOf(env),
      // A bundle may be gone when poststop comes.
      cwd: fileKind(cwd) === "directory" ? cwd : "/",
      stdin: new TextEncoder().encode(state),
      stdout: stdout.end,
      stderr: stderr.end,
      // A session, hence a group, of its own: it can be ended as a whole.
      detached: true,
    }),
  );
}

/** Runs a hook to its end; what was wrong with it, or nothing. */
async function judge(hook: Hook, context: HookContext, outputs: Outputs): Promise<string | undefined> {
  let child: Bun.Subprocess;
  try {
    child = spawn(hook, context, outputs);
  } finally {
    for (const { end } of outputs) close(end);
  }
  const take = (): void => {
    for (const output of outputs) output.take();
  };
  return failureOf(child, await awaitHook(child, hook.timeout, take, context.stop), hook.timeout);
}

/** Ends every process of the group. */
function killGroup(leader: number): void {
  if (failed(syscall("kill", -leader, SIGNALS.SIGKILL))) syscall("kill", leader, SIGNALS.SIGKILL);
}

/** Waits until the hook has ended, or its time is over; true when it was killed for that. */
async function awaitHook(
  child: Bun.Subprocess,
  timeout: number | undefined,
  take: () => void,
  stop: AbortSignal | undefined,
): Promise<boolean> {
  let isLate = false;
  const end = (): void => {
    isLate = true;
    killGroup(child.pid);
  };
  const interrupt = (): void => killGroup(child.pid);
  stop?.addEventListener("abort", interrupt);
  if (stop?.aborted) interrupt();
  const limit = Math.min((timeout ?? Number.POSITIVE_INFINITY) * SECOND_MS, LONGEST_MS);
  const timers = [setInterval(take, TAKE_MS), ...(timeout === undefined ? [] : [setTimeout(end, limit)])];
  try {
    await child.exited;
    return isLate;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    stop?.removeEventListener("abort", interrupt);
  }
}

function failureOf(child: Bun.Subprocess, isLate: boolean, timeout: number | undefined): string | undefined {
  if (isLate) return `took longer than ${timeout} s, and was killed`;
  if (child.signalCode !== null) return `was ended by ${child.signalCode}`;
  return child.exitCode === 0 ? undefined : `ended with exit code ${child.exitCode}`;
}

/**
 * Runs one hook to its end. Throws HutchError when it cannot be executed, ends with another code than 0, is
 * ended by a signal, or takes longer than its timeout: then its process group is killed.
 */
export async function runHook(
  name: HookName,
  index: number,
  hook: Hook,
  context: HookContext,
): Promise<void> {
  const operation = `hook ${name}[${index}] ${hook.path}`;
  const outputs: Outputs = [makeOutput("a hook's output"), makeOutput("a hook's errors")];
  let reason: string | undefined;
  let text = "";
  try {
    reason = await judge(hook, context, outputs);
  } catch (cause) {
    const errno = errnoIn(cause);
    throw new HutchError({
      operation,
      errno,
      reason: errno === undefined ? String(cause) : undefined,
      cause,
    });
  } finally {
    // What a hook complains of says more than what it prints.
    for (const output of outputs) text = output.finish() || text;
  }
  if (reason !== undefined) throw new HutchError({ operation, reason: text ? `${reason}: ${text}` : reason });
}

/** Runs hooks in their order; the first that fails keeps the rest from running. */
export async function runHooks(
  name: HookName,
  hooks: readonly Hook[] | undefined,
  context: HookContext,
): Promise<void> {
  for (const [index, hook] of (hooks ?? []).entries()) await runHook(name, index, hook, context);
}

/** Runs hooks in their order, poststart and poststop: a failure is told, and changes nothing. */
export async function runHooksAndWarn(
  name: HookName,
  hooks: readonly Hook[] | undefined,
  context: HookContext,
  warn: (line: string) => void,
): Promise<void> {
  for (const [index, hook] of (hooks ?? []).entries()) {
    try {
      await runHook(name, index, hook, context);
    } catch (error) {
      if (!(error instanceof HutchError)) throw error;
      warn(error.message);
    }
  }
}
