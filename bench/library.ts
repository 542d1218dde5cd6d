/**
 * How many containers a second one process starts and waits for: by the library, and by spawning the runtimes
 * that are compared, on the same work.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Container, container } from "../src/index.ts";
import { proportionalSize } from "./engine.ts";
import { markdownTable, quantile } from "./statistics.ts";

/** So many are under way at once. Each is shown as it does best: what waits for the kernel gains by more. */
const PARALLEL = [2, 4, 8] as const;
const WARM_UP = 20;

export interface Throughput {
  readonly parallel: number;
  readonly perSecond: number;
  /** User and system time of this process and of all that it has waited for, for one container. */
  readonly cpuMilliseconds: number;
}

interface Way {
  readonly name: string;
  /** So many are one sample. */
  readonly count: number;
  readonly once: () => Promise<number | null>;
}

/** Seconds of the processor: of this process, and of its children that have ended (proc_pid_stat(5)). */
function processorSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const ticks = [11, 12, 13, 14].map((field) => Number(fields[field]));
  return ticks.reduce((sum, each) => sum + each, 0) / 100;
}

async function run({ name, once }: Way, parallel: number, count: number): Promise<void> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const code = await once();
      if (code !== 0) throw new Error(`${name}: exit code ${code}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

async function measureOnce(way: Way, parallel: number): Promise<Throughput> {
  const { count } = way;
  const [time, processor] = [performance.now(), processorSeconds()];
  await run(way, parallel, count);
  const seconds = (performance.now() - time) / 1000;
  return {
    parallel,
    perSecond: count / seconds,
    cpuMilliseconds: ((processorSeconds() - processor) * 1000) / count,
  };
}

const byLibrary = (name: string, box: Container): Way => ({
  name,
  count: 200,
  once: async () => (await (await box.start({ stdout: "ignore", stderr: "ignore" })).exited).code,
});

let serial = 0;
const bySpawn = (program: string, bundle: string): Way => ({
  name: `${program} run, the same bundle`,
  count: 50,
  once: () => {
    const id = `hutch-bench-${process.pid}-many-${++serial}`;
    return Bun.spawn([program, "run", "--bundle", bundle, id], { stdio: ["ignore", "ignore", "ignore"] })
      .exited;
  },
});

const median = (list: readonly Throughput[], of: (one: Throughput) => number): number =>
  quantile(list.map(of), 0.5);

/** The medians of what was taken so many at a time, for the number with which most were started. */
function bestOf(samples: readonly Throughput[]): Throughput {
  const each = PARALLEL.map((parallel) => {
    const list = samples.filter((one) => one.parallel === parallel);
    return {
      parallel,
      perSecond: median(list, (one) => one.perSecond),
      cpuMilliseconds: median(list, (one) => one.cpuMilliseconds),
    };
  });
  return each.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
}

/** Every way, in turn, so that a slow minute of the machine is slow for all of them. */
export async function throughputs(
  bundle: string,
  programs: readonly string[],
  rounds: number,
): Promise<Map<string, Throughput>> {
  const root = join(bundle, "rootfs");
  const ways = [
    byLibrary("library, a directory as in hutch in", container({ root, command: ["/bin/true"] })),
    byLibrary("library, a bundle", container({ bundle })),
    ...programs.map((program) => bySpawn(program, bundle)),
  ];
  const samples = new Map<string, Throughput[]>(ways.map(({ name }) => [name, []]));
  for (const way of ways) await run(way, 2, WARM_UP);
  for (let round = 0; round < rounds; round++) {
    for (const parallel of PARALLEL) {
      for (const way of ways) samples.get(way.name)?.push(await measureOnce(way, parallel));
    }
  }
  return new Map([...samples].map(([name, list]) => [name, bestOf(list)]));
}

/** KiB (PSS) of the launcher beside a container of the library that sleeps. */
export async function libraryResident(bundle: string): Promise<number> {
  const box = container({ root: join(bundle, "rootfs"), command: ["/bin/sleep", "1000"] });
  await using running = await box.start();
  await Bun.sleep(300);
  const stat = readFileSync(`/proc/${running.pid}/stat`, "utf8");
  return proportionalSize(Number(stat.replace(/^.*\) /s, "").split(" ")[1]));
}

export const throughputTable = (all: ReadonlyMap<string, Throughput>): string =>
  markdownTable(
    [
      `containers started and waited for, best of ${PARALLEL.join(", ")} at a time`,
      "at a time",
      "a second",
      "CPU ms each",
    ],
    [...all].map(([name, { parallel, perSecond, cpuMilliseconds }]) => [
      name,
      `${parallel}`,
      perSecond.toFixed(0),
      cpuMilliseconds.toFixed(2),
    ]),
  );
