/** Many containers in the foreground at once, each with limits: what they take together, and that they go. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nextId, proportionalSize, type Runtime, statusOf } from "./engine.ts";
import { each } from "./lifecycle.ts";

const COUNT = 500;
const AT_ONCE = 8;
const PATIENCE_MS = 60_000;
const POLL_MS = 5;

export interface Hundreds {
  /** Milliseconds until all run, and from the kill of all until all of their runtimes have ended. */
  readonly started: number;
  readonly ended: number;
  /** What stays beside each container: proportional set size, so shared pages count by the share. */
  readonly kibibytes: number;
  readonly running: number;
  /** Cgroups and states that are left at the end. */
  readonly left: number;
}

interface One {
  readonly id: string;
  readonly child: Bun.Subprocess<"ignore", "ignore", "ignore">;
  readonly pid: number;
}

const now = (): number => Bun.nanoseconds() / 1e6;

/** The pid in a file that a runtime writes; undefined until it is there. */
function pidIn(file: string): number | undefined {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return text === "" ? undefined : Number(text);
}

/** Starts one, and waits until it runs its program. */
async function start({ command, env }: Runtime, bundle: string): Promise<One> {
  const id = nextId();
  const file = join(bundle, `${id}.pid`);
  const child = Bun.spawn([...command, "run", "--bundle", bundle, "--pid-file", file, id], {
    env,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const isSleeping = (pid: number): boolean => {
    const path = `/proc/${pid}/cmdline`;
    return existsSync(path) && readFileSync(path, "utf8").startsWith("/bin/sleep");
  };
  for (const end = now() + PATIENCE_MS; now() < end; await Bun.sleep(POLL_MS)) {
    const pid = pidIn(file);
    if (pid !== undefined && isSleeping(pid)) return { id, child, pid };
    if (child.exitCode !== null) break;
  }
  throw new Error(`${command[0]} run ${id} does not run: exit code ${child.exitCode}`);
}

const HIERARCHIES = "/sys/fs/cgroup";
/** See private.ts: what is there is no cgroup. */
const HIDDEN = "unified";

/** How many cgroups have one of the ids in their name. */
function cgroupsOf(ids: ReadonlySet<string>, directory = HIERARCHIES, depth = 4): number {
  if (depth === 0) return 0;
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== HIDDEN)
    .map(({ name }) =>
      ids.has(name) || ids.has(name.replace(/^hutch-/, ""))
        ? 1
        : cgroupsOf(ids, join(directory, name), depth - 1),
    )
    .reduce((sum, count) => sum + count, 0);
}

export async function hundreds(runtime: Runtime, bundle: string): Promise<Hundreds> {
  const all: One[] = [];
  const begin = now();
  let started = 0;
  try {
    await each([...Array(COUNT).keys()], AT_ONCE, async () => void all.push(await start(runtime, bundle)));
    started = now() - begin;
    await Bun.sleep(500);
    const sizes = all.map(({ child }) => proportionalSize(child.pid)).filter(Number.isFinite);
    const kibibytes = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    const stop = now();
    for (const { pid } of all) process.kill(pid, "SIGKILL");
    await Promise.all(all.map(({ child }) => child.exited));
    const ended = now() - stop;
    const known = all.filter(({ id }) => statusOf(runtime, id) !== undefined).length;
    const left = known + cgroupsOf(new Set(all.map(({ id }) => id)));
    return { started, ended, kibibytes, running: all.length, left };
  } finally {
    for (const { id, child } of all) {
      if (child.exitCode !== null) continue;
      Bun.spawnSync([...runtime.command, "delete", "--force", id], { stdio: ["ignore", "ignore", "ignore"] });
      child.kill("SIGKILL");
    }
  }
}
