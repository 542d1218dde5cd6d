/** Configurations that differ from a good one in one place. */
import { isObject } from "../support/json-schema.ts";

export type Path = readonly (string | number)[];

/** Stands for a field that is taken away. */
export const ABSENT = Symbol("absent");

/** `process.rlimits[0].soft` as keys. */
export function keysOf(path: string): Path {
  return [...path.matchAll(/([^.[\]]+)/g)].map(([key]) => (/^\d+$/.test(key) ? Number(key) : key));
}

/** A copy of a JSON value with another value at a path; objects that are missing on the way are made. */
export function mutated(base: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(base)) {
    const copy = [...base];
    if (rest.length === 0 && value === ABSENT) copy.splice(Number(key), 1);
    else copy[Number(key)] = mutated(copy[Number(key)], rest, value);
    return copy;
  }
  const { [key]: old, ...others } = isObject(base) ? base : {};
  if (rest.length === 0 && value === ABSENT) return others;
  return { ...(isObject(base) ? base : {}), [key]: mutated(old, rest, value) };
}

/** Every path of a JSON value, containers and what is in them. */
export function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => pathsOf(item, [...path, index]))
    : Object.entries(isObject(value) ? value : {}).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return [path, ...inner];
}

/** A repeatable source of numbers below `limit` (xorshift32). */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** The message of what a function throws; the empty string when it does not. */
export function messageOf(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
