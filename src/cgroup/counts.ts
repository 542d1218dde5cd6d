/** Where the kernel counts what a container has used (admin-guide/cgroup-v1, admin-guide/cgroup-v2). */
import type { CgroupCounts, Count } from "../plan/cgroup.ts";
import type { Directory } from "./directory.ts";
import type { Membership } from "./v1.ts";

type Place = Pick<Count, "file" | "after" | "tens">;
type Places = Readonly<Record<keyof CgroupCounts, Place>>;

const MICROSECONDS = 3;

const V2: Places = {
  oomKills: { file: "memory.events", after: "oom_kill " },
  memoryLimit: { file: "memory.max" },
  memoryPeak: { file: "memory.peak" },
  cpuTime: { file: "cpu.stat", after: "usage_usec ", tens: MICROSECONDS },
  pidsPeak: { file: "pids.peak" },
  bytesRead: { file: "io.stat", after: "rbytes=" },
  bytesWritten: { file: "io.stat", after: "wbytes=" },
};

const COUNTERS = [
  "oomKills",
  "memoryLimit",
  "memoryPeak",
  "cpuTime",
  "pidsPeak",
  "bytesRead",
  "bytesWritten",
] as const;

/** By controllers; whom a cgroup that the container made itself has lost is counted there alone. */
const V1: Places = {
  oomKills: { file: "memory.oom_control", after: "oom_kill " },
  memoryLimit: { file: "memory.limit_in_bytes" },
  memoryPeak: { file: "memory.max_usage_in_bytes" },
  cpuTime: { file: "cpuacct.usage" },
  pidsPeak: { file: "pids.peak" },
  bytesRead: { file: "blkio.throttle.io_service_bytes_recursive", after: "Read " },
  bytesWritten: { file: "blkio.throttle.io_service_bytes_recursive", after: "Write " },
};

/** What systemd has made counts from when it is open. */
const countIn = ({ self, made, isThere }: Directory, place: Place): Count => ({
  directory: self,
  made: isThere === undefined ? made : self,
  ...place,
});

function countsOf(places: Places, directoryOf: (file: string) => Directory | undefined): CgroupCounts {
  const entries = Object.entries(places).flatMap(([name, place]) => {
    const directory = directoryOf(place.file);
    return directory === undefined ? [] : [[name, [countIn(directory, place)]] as const];
  });
  return Object.fromEntries(entries);
}

/** Where only the running program knows which of two it has. */
export function eitherCount(one: CgroupCounts, other: CgroupCounts): CgroupCounts {
  const entries = COUNTERS.map((name) => [name, [...(one[name] ?? []), ...(other[name] ?? [])]] as const);
  return Object.fromEntries(entries.filter(([, counts]) => counts.length > 0));
}

export const countsV2 = (directory: Directory): CgroupCounts => countsOf(V2, () => directory);

/** Each file is in the hierarchy of the controller that its name begins with. */
export const countsV1 = (memberships: readonly Membership[]): CgroupCounts =>
  countsOf(V1, (file) => {
    const controller = file.slice(0, file.indexOf("."));
    return memberships.find(({ hierarchy }) => hierarchy.controllers.includes(controller))?.directory;
  });
