/** Cgroups of version 1 (admin-guide/cgroup-v1): a directory in each hierarchy that has something to do. */
import { HutchError } from "../linux/error.ts";
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { call, slot } from "../plan/build.ts";
import type { Buffer, Slot, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import { inherit, inheritAbove } from "./cpuset.ts";
import { type Hierarchy, isNamed } from "./detect.ts";
import { deviceLines } from "./device-list.ts";
import { devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory, subjectOf } from "./directory.ts";
import { newSettings } from "./limits.ts";
import { isExplicit, placeCgroup } from "./path.ts";
import { type Setting, writeSettings } from "./setting.ts";
import { freezerOf } from "./take.ts";

/** The controllers that an ordinary user's container with an explicit path has a directory of. */
const USUAL: readonly string[] = ["memory", "cpu", "cpuacct", "pids", "devices", "freezer", "blkio"];

/** The hierarchy by which systemd knows what belongs together; others with a name belong to others. */
const SYSTEMD = "name=systemd";

/** Lines for the devices controller. Throws HutchError for rules that version 1 cannot express. */
export function deviceSettings({ devices }: Resources): Setting[] {
  const policy = devicePolicy(devices);
  return policy === undefined ? [] : deviceLines(policy).map((line) => ({ controller: "devices", ...line }));
}

/** What linux.resources writes, in the order of writing. Throws as deviceSettings. */
export const settingsV1 = (resources: Resources): Setting[] => [
  ...newSettings(resources, "v1"),
  ...deviceSettings(resources),
];

/** The container's cgroup in one hierarchy. */
export interface Membership {
  readonly hierarchy: Hierarchy;
  readonly ancestors: readonly string[];
  readonly directory: Directory;
  readonly settings: readonly Setting[];
  /** The descriptor of the file that moves a thread. */
  readonly tasks: Slot;
}

/** What a container is put into beside what its limits need. */
export interface Reach {
  /**
   * Every hierarchy, as under runc: then none of them shows it the host's tree, and whoever looks for it
   * finds it in each.
   */
  readonly everywhere?: boolean;
  /** A new cgroup of `cpu` has no time for real-time policies: sched_setattr(2) would say EPERM in it. */
  readonly isRealtime?: boolean;
}

/** True for a hierarchy that a container which is to be found by its cgroups is in, limits or not. */
function isUsual({ controllers }: Hierarchy, { everywhere = false, isRealtime = false }: Reach): boolean {
  if (isRealtime && controllers.includes("cpu")) return false;
  return everywhere
    ? controllers.some((each) => !isNamed(each) || each === SYSTEMD)
    : controllers.some((each) => USUAL.includes(each));
}

/**
 * The cgroups that a container needs. Throws HutchError when a limit needs a controller that is not mounted.
 */
export function membershipsV1(
  hierarchies: readonly Hierarchy[],
  limits: readonly Setting[],
  cgroupsPath: string | undefined,
  reach: Reach = {},
): Membership[] {
  for (const { controller } of limits) {
    if (!hierarchies.some(({ controllers }) => controllers.includes(controller))) throw missing(controller);
  }
  const isFound = reach.everywhere === true || isExplicit(cgroupsPath);
  return hierarchies.flatMap((hierarchy) => {
    const { controllers, mount, own } = hierarchy;
    const mine = limits.filter(({ controller }) => controllers.includes(controller));
    if (mine.length === 0 && !(isFound && isUsual(hierarchy, reach))) return [];
    const place = placeCgroup({ mount, relative: own }, cgroupsPath);
    const key = controllers.join(",");
    return [
      {
        hierarchy,
        ancestors: place.ancestors,
        directory: directory(key, place, freezerOf(controllers)),
        settings: mine,
        tasks: slot(`cgroup ${key} tasks`),
      },
    ];
  });
}

/** Where the kernel has controllers by other names than linux.resources. */
const FIELDS: Readonly<Record<string, string>> = {
  cpuset: "cpu",
  blkio: "blockIO",
  hugetlb: "hugepageLimits",
  net_cls: "network",
  net_prio: "network",
};

const missing = (controller: string): HutchError => {
  const field = `linux.resources.${FIELDS[controller] ?? controller}`;
  return new HutchError({
    operation: `limit ${controller}: ${field}`,
    reason: `the ${controller} controller of cgroup v1 is not mounted`,
    hint: `mount it (mount -t cgroup -o ${controller} cgroup DIRECTORY; the kernel may need cgroup_enable=${controller}), or leave ${field} out`,
  });
};

const ABSENT: Readonly<Record<string, string>> = {
  "memory.memsw.limit_in_bytes":
    "the kernel does not account for swap: boot with swapaccount=1, or leave linux.resources.memory.swap out",
  "blkio.bfq.weight": "the kernel has no BFQ scheduler: modprobe bfq",
  "blkio.bfq.weight_device": "the kernel has no BFQ scheduler: modprobe bfq",
  "cpu.rt_runtime_us": "the kernel was built without CONFIG_RT_GROUP_SCHED",
  "cpu.rt_period_us": "the kernel was built without CONFIG_RT_GROUP_SCHED",
};

const absent = ({ controller, file }: Setting): string =>
  ABSENT[file] ?? `the ${controller} controller of this kernel has no ${file}`;

const hasCpuset = ({ controllers }: Hierarchy): boolean => controllers.includes("cpuset");

export const createV1 = (memberships: readonly Membership[]): Step[] =>
  memberships.flatMap(({ hierarchy, ancestors, directory, settings, tasks }) => [
    ...ancestors.flatMap((path) => [makeAncestor(path), ...(hasCpuset(hierarchy) ? inheritAbove(path) : [])]),
    ...makeDirectory(directory),
    ...(hasCpuset(hierarchy) ? inherit(directory, settings) : []),
    ...writeSettings(directory, settings, absent),
    call(`open tasks of ${directory.text}`, "openat", [directory.self, "tasks", O_WRONLY | O_CLOEXEC, 0], {
      into: tasks,
      hints: { EACCES: "the cgroup does not belong to this user" },
      ...subjectOf(directory),
    }),
  ]);

/** Writes the limits to cgroups that are there. */
export const limitV1 = (memberships: readonly Membership[]): Step[] =>
  memberships.flatMap(({ directory, settings }) => [
    ...makeDirectory(directory),
    ...writeSettings(directory, settings, absent),
  ]);

/** A thread as decimal text. */
export interface Task {
  readonly text: string | Buffer;
  readonly length: number | Slot;
}

const CALLER: Task = { text: "0", length: 1 };

/**
 * The caller is meant by 0, so that no number has to be known. By `tasks`, not `cgroup.procs`: init has one
 * thread, and one that moves itself need not wait until no process of the machine forks or exits, which takes
 * the kernel 10 ms (cgroup_attach_lock in kernel/cgroup/cgroup.c, since 5.5).
 */
export const enterV1 = (memberships: readonly Membership[], { text, length }: Task = CALLER): Step[] =>
  memberships.map(({ directory, tasks }) =>
    call(`enter the cgroup ${directory.text}`, "write", [tasks, text, length], {
      ...subjectOf(directory),
      hints: {
        ENOSPC: "the cpuset of the new cgroup has no processors or no memory nodes",
        EACCES: "the cgroup belongs to another user",
      },
    }),
  );
