/** Runs dist/hutch as a user of it would: as a process of its own. */
import { copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { SLOWNESS } from "./patience.ts";
import type { SkipReason } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The built program. */
export const HUTCH = join(dirname(dirname(import.meta.dir)), "dist/hutch");

export interface HutchOptions {
  /** What stdin gives; without it stdin is /dev/null. */
  readonly input?: string | Uint8Array;
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The user and group to run as, without further groups; needs root. */
  readonly uid?: number;
  /** Milliseconds (of a fast machine), 30,000 by default; then SIGKILL, and `signal` says so. */
  readonly timeout?: number;
}

export interface HutchResult {
  /** The exit code; null when a signal ended the process. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function lacksHutch(): SkipReason {
  return existsSync(HUTCH) ? undefined : "needs dist/hutch";
}

let copy: string | undefined;

/** A copy that every user can reach, because the working tree may lie in a private home directory. */
function reachableHutch(): string {
  if (copy === undefined) {
    copy = join(temporaryDirectory("program"), "hutch");
    copyFileSync(HUTCH, copy);
  }
  return copy;
}

/** Runs any program as `hutch` does. */
export async function run(command: readonly string[], options: HutchOptions = {}): Promise<HutchResult> {
  const { uid, cwd, input } = options;
  const child = Bun.spawn([...command], {
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    timeout: (options.timeout ?? 30_000) * SLOWNESS,
    killSignal: "SIGKILL",
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const { exitCode: code, signalCode } = child;
  return { code, signal: signalCode === null ? null : String(signalCode), stdout, stderr };
}

/** Runs dist/hutch with these arguments until it ends. */
export async function hutch(args: readonly string[], options: HutchOptions = {}): Promise<HutchResult> {
  return run([options.uid === undefined ? HUTCH : reachableHutch(), ...args], options);
}
