/**
 * The processes of a container: those in its cgroups or, when it has none of its own, in its pid
 * namespace.
 */
import { listDirectory, readLink } from "../host/path.ts";
import type { Identity } from "./identity.ts";
import { allPids, type ProcessStat, readVolatile, statOf, unlessGone } from "./process.ts";
import type { Record } from "./store.ts";

/** The cgroups and all that a container has made below them, each above its own. */
export function cgroupTree(directories: readonly string[]): string[] {
  return directories.flatMap((directory) => {
    const entries = unlessGone(() => listDirectory(directory));
    if (entries === undefined) return [];
    const below = entries
      .filter(({ kind }) => kind === "directory")
      .map(({ name }) => `${directory}/${name}`);
    return [directory, ...cgroupTree(below)];
  });
}

/**
 * The numbers in the cgroup.procs files of a tree; 0 is a process that this pid namespace has no number
 * for.
 */
function cgroupPids(cgroups: readonly string[]): Set<number> {
  const texts = cgroupTree(cgroups).map((directory) => readVolatile(`${directory}/cgroup.procs`) ?? "");
  return new Set(texts.flatMap((text) => text.split("\n").map(Number)).filter((pid) => pid > 0));
}

/** Everything that descends from these processes, with themselves. */
export function withDescendants(roots: ReadonlySet<number>, table: readonly ProcessStat[]): Set<number> {
  const found = new Set(roots);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of table) if (found.has(parent)) found.add(pid);
  }
  return found;
}

const pidNamespace = (pid: number | "self"): string | undefined =>
  unlessGone(() => readLink(`/proc/${pid}/ns/pid`));

/** True when this process is the first of a pid namespace: its last number is that in its own namespace. */
const isFirst = (pid: number): boolean => /^NSpid:.*\s1$/m.test(readVolatile(`/proc/${pid}/status`) ?? "");

/** Whoever is in init's pid namespace, if that is the container's own; and all that descends from them. */
function namespacePids({ pid, startTime }: Identity): Set<number> {
  const table = allPids().flatMap((each) => statOf(each) ?? []);
  // Who has taken the number of an init that is gone is not asked.
  if (!table.some((each) => each.pid === pid && each.startTime === startTime)) return new Set();
  const namespace = pidNamespace(pid);
  const isOwn = namespace !== undefined && namespace !== pidNamespace("self") && isFirst(pid);
  const inside = isOwn ? table.filter((each) => pidNamespace(each.pid) === namespace) : [];
  return withDescendants(new Set([pid, ...inside.map((each) => each.pid)]), table);
}

function pidsOf({ cgroups, init }: Record): Set<number> {
  if (cgroups.length > 0) return cgroupPids(cgroups);
  return init === undefined ? new Set() : namespacePids(init);
}

/**
 * The living processes of a container, in the order of their numbers. A process that is there before and
 * after its start time was read is the container's, whoever had its number in between.
 */
export function members(record: Record): ProcessStat[] {
  const stats = [...pidsOf(record)].flatMap((pid) => statOf(pid) ?? []);
  const after = pidsOf(record);
  return stats
    .filter(({ pid, state }) => after.has(pid) && state !== "Z" && state !== "X")
    .toSorted((a, b) => a.pid - b.pid);
}
