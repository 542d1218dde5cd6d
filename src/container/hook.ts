/**
 * Hooks that run outside of the container (OCI config.md, "POSIX-platform Hooks"): prestart, createRuntime,
 * poststart and poststop. One after the other, the state on standard input, and no environment but their own.
 */
import { fileKind } from "../host/path.ts";
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
/** How long output is waited for once the hook has ended: a process that it has left may hold the pipe open. */
const DRAIN_MS = 20;

/** Keeps the last bytes of a stream, and never waits for its end. */
function collect(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  let tail = "";
  const decoder = new TextDecoder();
  const readOn = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      tail = (tail + decoder.decode(value, { stream: true })).slice(-TAIL);
    }
  };
  const isAtEnd = readOn().catch(() => {});
  return async (): Promise<string> => {
    await Promise.race([isAtEnd, Bun.sleep(DRAIN_MS)]);
    // What the hook has left behind keeps its own end.
    reader.cancel().catch(() => {});
    return tail.trim();
  };
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

function spawn({ path, args = [], env = [] }: Hook, { state, cwd }: HookContext, operation: string) {
  try {
    return Bun.spawn([path, ...args.slice(1)], {
      argv0: args[0] ?? path,
      env: tableOf(env),
      // A bundle may be gone when poststop comes.
      cwd: fileKind(cwd) === "directory" ? cwd : "/",
      stdin: new TextEncoder().encode(state),
      stdout: "pipe",
      stderr: "pipe",
      // A session, hence a group, of its own: it can be ended as a whole.
      detached: true,
    });
  } catch (cause) {
    const errno = errnoIn(cause);
    const reason = errno === undefined ? String(cause) : undefined;
    throw new HutchError({ operation, errno, reason, cause });
  }
}

/** Ends every process of the group. */
function killGroup(leader: number): void {
  if (failed(syscall("kill", -leader, SIGNALS.SIGKILL))) syscall("kill", leader, SIGNALS.SIGKILL);
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
  const child = spawn(hook, context, operation);
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  let isLate = false;
  let timer: Timer | undefined;
  if (hook.timeout !== undefined) {
    const end = (): void => {
      isLate = true;
      killGroup(child.pid);
    };
    timer = setTimeout(end, Math.min(hook.timeout * SECOND_MS, LONGEST_MS));
  }
  const code = await child.exited;
  clearTimeout(timer);
  const [written, complained] = await Promise.all([output(), errors()]);
  if (code === 0 && !isLate) return;
  const text = complained || written;
  const { signalCode } = child;
  const end = signalCode === null ? `ended with exit code ${code}` : `was ended by ${signalCode}`;
  const reason = isLate ? `took longer than ${hook.timeout} s, and was killed` : end;
  throw new HutchError({ operation, reason: text === "" ? reason : `${reason}: ${text}` });
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
