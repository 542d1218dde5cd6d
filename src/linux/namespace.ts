/** The eight kinds of namespaces (namespaces(7)). */

export interface NamespaceKind {
  /** `linux.namespaces[].type` of the OCI spec. */
  readonly type: "user" | "mount" | "pid" | "network" | "ipc" | "uts" | "cgroup" | "time";
  /** The link in /proc/PID/ns. */
  readonly file: "user" | "mnt" | "pid" | "net" | "ipc" | "uts" | "cgroup" | "time";
  /** The CLONE_NEW* flag, for clone3, unshare and setns. */
  readonly flag: number;
  readonly flagName: string;
  /**
   * The link of the namespace that the children of a process enter, when it differs: unshare and setns of
   * pid and time do not move the caller.
   */
  readonly childFile?: "pid_for_children" | "time_for_children";
  /** The first kernel that has it. */
  readonly since: string;
}

export type NamespaceType = NamespaceKind["type"];

/** "user" is first: who joins it first owns the rights to join the others (setns(2)). */
export const NAMESPACES = [
  { type: "user", file: "user", flag: 0x10000000, flagName: "CLONE_NEWUSER", since: "3.8" },
  { type: "cgroup", file: "cgroup", flag: 0x2000000, flagName: "CLONE_NEWCGROUP", since: "4.6" },
  { type: "ipc", file: "ipc", flag: 0x8000000, flagName: "CLONE_NEWIPC", since: "2.6.19" },
  { type: "uts", file: "uts", flag: 0x4000000, flagName: "CLONE_NEWUTS", since: "2.6.19" },
  { type: "network", file: "net", flag: 0x40000000, flagName: "CLONE_NEWNET", since: "2.6.24" },
  {
    type: "pid",
    file: "pid",
    flag: 0x20000000,
    flagName: "CLONE_NEWPID",
    childFile: "pid_for_children",
    since: "2.6.24",
  },
  { type: "mount", file: "mnt", flag: 0x20000, flagName: "CLONE_NEWNS", since: "2.4.19" },
  {
    type: "time",
    file: "time",
    flag: 0x80,
    flagName: "CLONE_NEWTIME",
    childFile: "time_for_children",
    since: "5.6",
  },
] as const satisfies readonly NamespaceKind[];

/** A kind by its OCI name. */
export function namespaceKind(type: NamespaceType): NamespaceKind {
  const kind = NAMESPACES.find((candidate) => candidate.type === type);
  if (kind === undefined) throw new RangeError(`namespace ${type}`);
  return kind;
}
