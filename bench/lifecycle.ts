/** How long the parts of a container's life take, and what it needs while it waits. */
import {
  awaitEnd,
  call,
  callAsync,
  create,
  nextId,
  proportionalSize,
  type Runtime,
  statusOf,
} from "./engine.ts";
import { markdownTable, quantile } from "./statistics.ts";

/** Milliseconds of each part of one life; `cycle` is all of them with the wait. */
export interface Life {
  readonly create: number;
  readonly start: number;
  readonly delete: number;
  readonly cycle: number;
}

const now = (): number => Bun.nanoseconds() / 1e6;

/** create, start, wait for the end, delete: three processes, one after the other. */
export function live(runtime: Runtime, bundle: string): Life {
  const begin = now();
  const { id, pid } = create(runtime, bundle);
  try {
    const created = now();
    call(runtime, ["start", id]);
    const started = now();
    awaitEnd(pid);
    const ended = now();
    call(runtime, ["delete", id]);
    const end = now();
    return { create: created - begin, start: started - created, delete: end - ended, cycle: end - begin };
  } catch (error) {
    Bun.spawnSync([...runtime.command, "delete", "--force", id], { stdio: ["ignore", "ignore", "ignore"] });
    throw error;
  }
}

/** Those runtimes that can live through the bundle at all; the others are told of. */
export function working(runtimes: readonly Runtime[], bundle: string): Runtime[] {
  return runtimes.filter((runtime) => {
    try {
      live(runtime, bundle);
      return true;
    } catch (error) {
      console.error(`${runtime.name} is left out: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  });
}

/** Measures in turn, so that a slow minute of the machine is slow for all of them. */
export function inTurn<T>(
  runtimes: readonly Runtime[],
  rounds: number,
  one: (runtime: Runtime) => T,
): Map<string, T[]> {
  const samples = new Map<string, T[]>(runtimes.map(({ name }) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    for (const runtime of runtimes) {
      const sample = one(runtime);
      if (round >= 0) samples.get(runtime.name)?.push(sample);
    }
  }
  return samples;
}

export const lives = (
  runtimes: readonly Runtime[],
  bundle: string,
  rounds: number,
): ReadonlyMap<string, readonly Life[]> => inTurn(runtimes, rounds, (runtime) => live(runtime, bundle));

/** Milliseconds of a command about a container that runs; a runtime that has no such command is left out. */
export function commands(
  runtimes: readonly Runtime[],
  sleeper: string,
  words: (id: string) => readonly string[],
  rounds: number,
): ReadonlyMap<string, readonly number[]> {
  const ids = new Map<string, string>();
  const wordsOf = ({ name }: Runtime): readonly string[] => words(ids.get(name) ?? "");
  try {
    for (const runtime of runtimes) {
      const { id } = create(runtime, sleeper);
      ids.set(runtime.name, id);
      call(runtime, ["start", id]);
    }
    return inTurn(able(runtimes, wordsOf), rounds, (runtime) => {
      const begin = now();
      call(runtime, wordsOf(runtime));
      return now() - begin;
    });
  } finally {
    for (const runtime of runtimes) {
      const id = ids.get(runtime.name);
      if (id !== undefined) call(runtime, ["delete", "--force", id]);
    }
  }
}

const able = (
  runtimes: readonly Runtime[],
  wordsOf: (runtime: Runtime) => readonly string[],
): readonly Runtime[] =>
  runtimes.filter((runtime) => {
    try {
      call(runtime, wordsOf(runtime));
      return true;
    } catch (error) {
      console.error(`${runtime.name} is left out: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  });

/** KiB that the first process of a container needs while it waits for `start`. */
export function waiting(runtime: Runtime, bundle: string): number {
  const { id, pid } = create(runtime, bundle);
  try {
    return proportionalSize(pid);
  } finally {
    call(runtime, ["delete", "--force", id]);
  }
}

const MANY = 100;
const AT_ONCE = 8;

/** Does something with each of a list, so many at a time. */
export async function each<T>(
  list: readonly T[],
  atOnce: number,
  one: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = [...list];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await one(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

export interface Crowd {
  readonly milliseconds: number;
  /** So many run in the end. */
  readonly running: number;
  /** So many could not be deleted, or are still known after that. */
  readonly left: number;
}

/** 100 containers created and started by separate calls, eight at a time. */
export async function crowd(runtime: Runtime, sleeper: string): Promise<Crowd> {
  const ids = Array.from({ length: MANY }, nextId);
  const begin = now();
  await each(ids, AT_ONCE, async (id) => {
    if (await callAsync(runtime, ["create", "--bundle", sleeper, id]))
      await callAsync(runtime, ["start", id]);
  });
  const milliseconds = now() - begin;
  const running = ids.filter((id) => statusOf(runtime, id) === "running").length;
  await each(ids, AT_ONCE, (id) => callAsync(runtime, ["delete", "--force", id]));
  const left = ids.filter((id) => statusOf(runtime, id) !== undefined).length;
  return { milliseconds, running, left };
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly p90: number;
}

export const summaryOf = (values: readonly number[]): Summary => ({
  median: quantile(values, 0.5),
  min: quantile(values, 0),
  p90: quantile(values, 0.9),
});

const PEERS = ["crun", "runc"];

/** A table of milliseconds, with the median's share of each peer's. */
export function shareTable(title: string, times: ReadonlyMap<string, readonly number[]>): string {
  const rows = [...times].map(([name, values]) => ({ name, ...summaryOf(values) }));
  const peers = rows.filter(({ name }) => PEERS.includes(name));
  return markdownTable(
    [title, "median ms", "min", "p90", ...peers.map(({ name }) => `of ${name}`)],
    rows.map(({ name, median, min, p90 }) => [
      name,
      ...[median, min, p90].map((value) => value.toFixed(2)),
      ...peers.map((peer) => (median / peer.median).toFixed(2)),
    ]),
  );
}

/** The values of one part of all lives. */
export const partOf = (
  all: ReadonlyMap<string, readonly Life[]>,
  part: keyof Life,
): ReadonlyMap<string, readonly number[]> =>
  new Map([...all].map(([name, samples]) => [name, samples.map((life) => life[part])]));
