/**
 * The commands that an engine calls, one process each, as conmon and the shim of containerd do: what is
 * measured of a container's life.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../test/support/hutch.ts";
import { temporaryDirectory } from "../test/support/temporary.ts";

export interface Runtime {
  readonly name: string;
  /** The program with its options before the command; its state is kept apart from everybody's. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that its messages go to. */
  readonly messages: string;
}

/** The three that are compared; hutch keeps its programs, and once more does not. */
export function runtimes(): Runtime[] {
  const directory = temporaryDirectory("bench-state");
  const of = (name: string, program: string, cache: string): Runtime => ({
    name,
    command: [program, "--root", join(directory, name)],
    env: { ...process.env, HUTCH_CACHE: cache },
    messages: join(directory, "messages"),
  });
  return [
    of("hutch", HUTCH, join(directory, "programs")),
    of("hutch, first start", HUTCH, "off"),
    of("crun", "crun", "off"),
    of("runc", "runc", "off"),
  ];
}

let serial = 0;
/** An id that is new. */
export const nextId = (): string => `hutch-bench-${process.pid}-life-${++serial}`;

/** Calls the runtime, and waits for its end; throws with what it said when it fails. */
export function call({ command, env, messages }: Runtime, words: readonly string[]): void {
  // A pipe for the messages would be held open by the container; a file is not waited for.
  const done = Bun.spawnSync([...command, ...words], {
    env,
    stdio: ["ignore", "ignore", Bun.file(messages)],
  });
  if (done.success) return;
  const said = readFileSync(messages, "utf8").trim();
  throw new Error(`${[...command, ...words].join(" ")}: exit code ${done.exitCode}: ${said}`);
}

/** The same without blocking, so that many can be under way. */
export async function callAsync({ command, env }: Runtime, words: readonly string[]): Promise<boolean> {
  const child = Bun.spawn([...command, ...words], { env, stdio: ["ignore", "ignore", "ignore"] });
  return (await child.exited) === 0;
}

/** The status that the runtime tells; undefined when it knows no such container. */
export function statusOf({ command, env }: Runtime, id: string): string | undefined {
  const done = Bun.spawnSync([...command, "state", id], { env, stdin: "ignore", stderr: "ignore" });
  if (!done.success) return undefined;
  const state: unknown = JSON.parse(done.stdout.toString());
  if (typeof state !== "object" || state === null || !("status" in state)) return undefined;
  return String(state.status);
}

/** A file of /proc; empty when the process is gone. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

const POLL_MS = 0.2;
const PATIENCE_MS = 10_000;

/** Waits until a process that is nobody's child here has ended. */
export function awaitEnd(pid: number): void {
  const end = performance.now() + PATIENCE_MS;
  // A zombie has ended.
  while (/^\d+ \(.*\) [^ZX]/s.test(readProc(pid, "stat"))) {
    if (performance.now() > end) throw new Error(`process ${pid} did not end`);
    Bun.sleepSync(POLL_MS);
  }
}

/** Proportional set size in KiB: shared pages count by the share. */
export const proportionalSize = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(readProc(pid, "smaps_rollup"))?.[1] ?? Number.NaN);

export interface Created {
  readonly id: string;
  readonly pid: number;
}

/** Creates a container of the bundle. */
export function create(runtime: Runtime, bundle: string, id = nextId()): Created {
  const file = join(bundle, `${id}.pid`);
  call(runtime, ["create", "--bundle", bundle, "--pid-file", file, id]);
  return { id, pid: Number(readFileSync(file, "utf8")) };
}
