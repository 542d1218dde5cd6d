/**
 * The count of processes that the kernel has killed for want of memory. Version 2 wakes whoever waits for
 * memory.events. Version 1 has no such thing but cgroup.event_control, which is being taken out of the kernel
 * (6.12 warns of it), and also tells of cgroups above, where nobody of the container's was killed: there the
 * counter is looked at now and then.
 */
import { pairsOf } from "../cgroup/read.ts";
import { close, openIfExists, readAll } from "../host/fd.ts";
import { syscall } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { O_RDONLY, SEEK_SET } from "../linux/fcntl.ts";

export interface OomWatch {
  /** A descriptor that polls as POLLPRI when the count may have changed; undefined where none does. */
  readonly wakes: number | undefined;
  /** So many up to now. What was counted before the cgroup was removed stays counted. */
  readonly count: () => bigint;
  readonly close: () => void;
}

const FILES = [
  { name: "memory.events", wakes: true },
  { name: "memory.oom_control", wakes: false },
] as const;

/** From the first of the container's cgroups that counts; without one the count is always 0. */
export function watchOom(cgroups: readonly string[]): OomWatch {
  for (const directory of cgroups) {
    for (const { name, wakes } of FILES) {
      const fd = openIfExists(`${directory}/${name}`, O_RDONLY);
      if (fd === undefined) continue;
      let last = 0n;
      const count = (): bigint => {
        last = countOf(fd) ?? last;
        return last;
      };
      return { wakes: wakes ? fd : undefined, count, close: () => close(fd) };
    }
  }
  return { wakes: undefined, count: () => 0n, close: () => {} };
}

/** True when the kernel has killed a process of these cgroups for want of memory. */
export function ranOutOfMemory(cgroups: readonly string[]): boolean {
  const watch = watchOom(cgroups);
  try {
    return watch.count() > 0n;
  } finally {
    watch.close();
  }
}

/** Read from the descriptor, so that the kernel knows what was seen; undefined when the cgroup is gone. */
function countOf(fd: number): bigint | undefined {
  syscall("lseek", fd, 0, SEEK_SET);
  try {
    return pairsOf(new TextDecoder().decode(readAll(fd)))["oom_kill"];
  } catch (error) {
    if (error instanceof HutchError && error.errno === "ENODEV") return undefined;
    throw error;
  }
}
