import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import type { Case } from "./case.ts";

export interface Sample {
  /** From before the spawn to after the exit. */
  readonly milliseconds: number;
  /** User and system time of the process and its children. */
  readonly cpuMilliseconds: number;
}

let serial = 0;
const environment = (one: Case) => ({ ...process.env, ...one.env });
const nextId = (): string => `hutch-bench-${process.pid}-${++serial}`;

/** Opens the files of a case for one use of them: a descriptor remembers how far it was read. */
function withFiles<T>({ files = [] }: Case, use: (descriptors: readonly number[]) => T): T {
  const descriptors = files.map((path) => openSync(path, "r"));
  try {
    return use(descriptors);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** Runs a case once; throws with what it printed when it fails. */
export const sample = (one: Case): Sample => withFiles(one, (files) => sampleWith(one, files));

function sampleWith(one: Case, files: readonly number[]): Sample {
  const command = [...one.command(nextId())];
  const env = environment(one);
  const start = Bun.nanoseconds();
  const done = Bun.spawnSync(command, { env, stdio: ["ignore", "ignore", "ignore", ...files] });
  const milliseconds = (Bun.nanoseconds() - start) / 1e6;
  if (!done.success) throw new Error(`${command.join(" ")}: exit code ${done.exitCode} (${done.signalCode})`);
  return { milliseconds, cpuMilliseconds: Number(done.resourceUsage?.cpuTime.total ?? 0) / 1000 };
}

/** Why a case cannot be measured: its command, which shall print `expected`, does not; or undefined. */
export function complaintOf(one: Case, expected: string): string | undefined {
  try {
    const done = withFiles(one, (files) =>
      Bun.spawnSync([...one.command(nextId())], {
        env: environment(one),
        stdio: ["ignore", "pipe", "pipe", ...files],
      }),
    );
    if (!done.success) return `exit code ${done.exitCode}: ${done.stderr.toString().trim()}`;
    return done.stdout.toString() === expected ? undefined : `it printed ${done.stdout.toString().trim()}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Runs the cases in turn, so that a slow minute of the machine is slow for all of them; every other round
 * backwards, because the kernel still takes one container's namespaces apart when the next one starts.
 */
export function measure(cases: readonly Case[], rounds: number, warmUp: number): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>(cases.map((one) => [one.name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const one of round % 2 === 0 ? cases : cases.toReversed()) {
      const result = sample(one);
      if (round >= 0) samples.get(one.name)?.push(result);
    }
  }
  return samples;
}

/**
 * The largest memory in KiB that any process of a case held, by GNU time: a process that Bun spawns inherits
 * Bun's own peak, because the kernel carries the peak over an exec that follows vfork.
 */
export function peakMemory(one: Case): number {
  const command = ["/usr/bin/time", "-f", "%M", ...one.command(nextId())];
  const done = Bun.spawnSync(command, { env: environment(one), stdio: ["ignore", "ignore", "pipe"] });
  return Number(done.stderr.toString().trim().split("\n").at(-1));
}

const readProc = (pid: string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
};

/** A process and its descendants. */
function family(pid: string): string[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter(
      (name) =>
        readProc(name, "stat")
          .replace(/^.*\) /s, "")
          .split(" ")[1] === pid,
    );
  return [pid, ...children.flatMap(family)];
}

/** What stays beside the container's own process while it sleeps. */
export interface Resident {
  readonly processes: number;
  /** Proportional set size: shared pages count by the share. */
  readonly kibibytes: number;
}

/** Starts a case whose container runs `argv` for long, and measures what stays beside it. */
export async function resident(one: Case, argv: readonly string[]): Promise<Resident> {
  const child = Bun.spawn([...one.command(nextId())], {
    env: environment(one),
    stdio: ["ignore", "ignore", "ignore"],
  });
  const isContainer = (pid: string) => readProc(pid, "cmdline") === `${argv.join("\0")}\0`;
  try {
    let pids: string[] = [];
    for (let tries = 0; tries < 100 && !pids.some(isContainer); tries++) {
      await Bun.sleep(20);
      pids = family(String(child.pid));
    }
    if (!pids.some(isContainer)) throw new Error(`${one.name}: the container did not start`);
    await Bun.sleep(300);
    const rest = family(String(child.pid)).filter((pid) => !isContainer(pid));
    const sizes = rest.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readProc(pid, "smaps_rollup"))?.[1] ?? 0));
    return { processes: rest.length, kibibytes: sizes.reduce((a, b) => a + b, 0) };
  } finally {
    for (const pid of family(String(child.pid)).filter(isContainer)) process.kill(Number(pid), "SIGKILL");
    await Promise.race([child.exited, Bun.sleep(3000)]);
    child.kill("SIGKILL");
  }
}
