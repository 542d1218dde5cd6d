/** What the files of a cgroup say (cgroups(7), admin-guide/cgroup-v1, admin-guide/cgroup-v2). */

/** The text of a file of the container's cgroup, wherever it lies; undefined when no cgroup has it. */
export type ReadFile = (file: string) => string | undefined;

/**
 * True when the container is in version 2 alone. Beside version 1 it may be in a version 2 without
 * controllers; `tasks` is in every cgroup of version 1, and in none of version 2.
 */
export const isV2 = (read: ReadFile): boolean =>
  read("cgroup.controllers") !== undefined && read("tasks") === undefined;

/** 2^64−1 stands for "max", as in runc. */
export const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** A file of one number. */
export function amountOf(text: string | undefined): bigint | undefined {
  const word = text?.trim();
  if (word === "max") return UNLIMITED;
  return word !== undefined && /^\d+$/.test(word) ? BigInt(word) : undefined;
}

/** A file of "name value" lines. */
export function pairsOf(text: string | undefined): Readonly<Record<string, bigint>> {
  const pairs: Record<string, bigint> = {};
  for (const line of (text ?? "").split("\n")) {
    const [name, value] = line.split(" ");
    if (name && value !== undefined && /^\d+$/.test(value)) pairs[name] = BigInt(value);
  }
  return pairs;
}

/** Numbers of one line, as cpuacct.usage_percpu has them. */
export function listOf(text: string | undefined): bigint[] {
  return (text ?? "")
    .split(/\s+/)
    .filter((word) => /^\d+$/.test(word))
    .map(BigInt);
}

/** "0-2,5" as numbers, as cpuset.cpus has them. */
export function rangesOf(text: string | undefined): number[] {
  return (text ?? "")
    .trim()
    .split(",")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
