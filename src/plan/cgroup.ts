/** What the birth of a container needs of its cgroup; `src/cgroup` makes it for v1, hybrid and v2. */
import type { Buffer, Slot, Step } from "./step.ts";

/** One hierarchy as the container sees it mounted: v1 controllers by their mount options, or cgroup2. */
export interface CgroupView {
  /**
   * The directory below the destination: "memory", "cpu,cpuacct", "systemd", "unified"; "" for the root
   * (v2).
   */
  readonly name: string;
  readonly type: "cgroup" | "cgroup2";
  /** The v1 mount options that select the hierarchy: ["cpu", "cpuacct"], ["none", "name=systemd"]. */
  readonly options: readonly string[];
  /** The host's directory that holds the container, for a bind when it has no cgroup namespace. */
  readonly directory: () => string;
  /** The descriptor of that directory, if `create` opens it. */
  readonly self?: Slot;
}

/** A number in a file of a cgroup. */
export interface Count {
  /** The descriptor of the cgroup's directory, and a slot that is 0 until there is one. */
  readonly directory: Slot;
  readonly made: Slot;
  readonly file: string;
  /**
   * Every number behind this text is added up: of several texts that the file might hold, the last eight
   * characters must differ. Absent for a file that is one number.
   */
  readonly after?: string;
  /** The number is given times 10 to this power. */
  readonly tens?: number;
}

/** What the kernel counts, in bytes, nanoseconds and processes: of each the first that is there. */
export interface CgroupCounts {
  /** How many of its processes were killed for want of memory. */
  readonly oomKills?: readonly Count[];
  readonly memoryLimit?: readonly Count[];
  readonly memoryPeak?: readonly Count[];
  readonly cpuTime?: readonly Count[];
  readonly pidsPeak?: readonly Count[];
  readonly bytesRead?: readonly Count[];
  readonly bytesWritten?: readonly Count[];
}

/** What a file that is started on any machine shows: on v1 and hybrid what its table says (hierarchy.ts). */
export interface FoundView {
  /** Not 0 on v2. */
  readonly version2: Slot;
  /** Of v2: the directory above what is shown, and the path below it. */
  readonly above: string | Buffer;
  readonly path: string | Slot;
  /** False where the caller's own cgroup is shown; what is above it in its place if it is not to be seen. */
  readonly isOwn: { readonly v1: boolean; readonly v2: boolean };
}

export interface CgroupPlan {
  /** Creates the directories and writes the limits; in the launcher, before the clone. */
  readonly create: readonly Step[];
  /**
   * What is left to do to a cgroup that systemd has made, in the creator, once init is in it; absent where
   * hutch makes the cgroup itself.
   */
  readonly settle?: (init: Slot) => readonly Step[];
  /** Moves the caller into the v1 cgroups, by descriptors that `create` opened; in init. */
  readonly enter: readonly Step[];
  /** The directory of the v2 cgroup, for CLONE_INTO_CGROUP. */
  readonly into: Slot | undefined;
  /** Where only the running program knows whether there is one: not 0 when `into` holds it. */
  readonly intoWhen?: Slot;
  /** Removes the directories; in the launcher, after the container has ended. */
  readonly remove: readonly Step[];
  /** To be read after the container has ended, before `remove`. */
  readonly counts: CgroupCounts;
  /** The directories that `create` makes, for who cleans up after a hutch that was killed. */
  readonly directories: () => readonly string[];
  /** What a mount of type "cgroup" shows. */
  readonly views: readonly CgroupView[];
  /** The running program finds out what a mount of type "cgroup" shows, and `views` is empty. */
  readonly found?: FoundView;
}
