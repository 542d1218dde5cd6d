/** Cgroups of version 1 (admin-guide/cgroup-v1): a directory in each hierarchy that has something to do. */
import { HutchError } from "../linux/error.ts";
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { call, slot } from "../plan/build.ts";
import type { Slot, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import type { Hierarchy } from "./detect.ts";
import { deviceLines } from "./device-list.ts";
import { devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory, subjectOf } from "./directory.ts";
import { isExplicit, placeCgroup } from "./path.ts";
import { type Amount, pidsMax, type Setting, settings, writeSettings } from "./setting.ts";

/**
 * The controllers that have a directory when the path is explicit, for whoever looks for the container
 * there.
 */
const USUAL: readonly string[] = ["memory", "cpu", "cpuacct", "pids", "devices", "freezer", "blkio"];

const amount = (value: Amount): string | undefined => (value ? `${value}` : undefined);

/**
 * What linux.resources writes, in the order of writing. Throws HutchError for device rules that version 1
 * cannot express.
 */
export function settingsV1(resources: Resources): Setting[] {
  const { memory, cpu, devices } = resources;
  const policy = devicePolicy(devices);
  return [
    ...settings([
      ["memory", "memory.limit_in_bytes", amount(memory?.limit)],
      // Second, because memory and swap together may never be less than memory alone, and are unlimited at
      // first.
      ["memory", "memory.memsw.limit_in_bytes", amount(memory?.swap)],
      ["memory", "memory.soft_limit_in_bytes", amount(memory?.reservation)],
      ["cpu", "cpu.shares", amount(cpu?.shares)],
      // First, because the quota is judged by its share of the period.
      ["cpu", "cpu.cfs_period_us", amount(cpu?.period)],
      ["cpu", "cpu.cfs_quota_us", amount(cpu?.quota)],
      ["pids", "pids.max", pidsMax(resources)],
    ]),
    ...(policy === undefined ? [] : deviceLines(policy)).map((line) => ({ controller: "devices", ...line })),
  ];
}

/** The container's cgroup in one hierarchy. */
export interface Membership {
  readonly hierarchy: Hierarchy;
  readonly ancestors: readonly string[];
  readonly directory: Directory;
  readonly settings: readonly Setting[];
  /** The descriptor of the file that moves a thread. */
  readonly tasks: Slot;
}

/**
 * The cgroups that a container needs. Throws HutchError when a limit needs a controller that is not
 * mounted.
 */
export function membershipsV1(
  hierarchies: readonly Hierarchy[],
  limits: readonly Setting[],
  cgroupsPath: string | undefined,
  isManaged = false,
): Membership[] {
  for (const { controller } of limits) {
    if (!hierarchies.some(({ controllers }) => controllers.includes(controller))) throw missing(controller);
  }
  const usual = isManaged || isExplicit(cgroupsPath) ? USUAL : [];
  return hierarchies.flatMap((hierarchy) => {
    const { controllers, mount, own } = hierarchy;
    const mine = limits.filter(({ controller }) => controllers.includes(controller));
    if (mine.length === 0 && !controllers.some((controller) => usual.includes(controller))) return [];
    const place = placeCgroup({ mount, relative: own }, cgroupsPath);
    const key = controllers.join(",");
    return [
      {
        hierarchy,
        ancestors: place.ancestors,
        directory: directory(key, place),
        settings: mine,
        tasks: slot(`cgroup ${key} tasks`),
      },
    ];
  });
}

const missing = (controller: string): HutchError =>
  new HutchError({
    operation: `limit ${controller}: linux.resources.${controller}`,
    reason: `the ${controller} controller of cgroup v1 is not mounted`,
    hint: `mount it (mount -t cgroup -o ${controller} cgroup DIRECTORY; the kernel may need cgroup_enable=${controller}), or leave linux.resources.${controller} out`,
  });

const absent = ({ controller, file }: Setting): string =>
  file === "memory.memsw.limit_in_bytes"
    ? "the kernel does not account for swap: boot with swapaccount=1, or leave linux.resources.memory.swap out"
    : `the ${controller} controller of this kernel has no ${file}`;

export const createV1 = (memberships: readonly Membership[]): Step[] =>
  memberships.flatMap(({ ancestors, directory, settings, tasks }) => [
    ...ancestors.map(makeAncestor),
    ...makeDirectory(directory),
    ...writeSettings(directory, settings, absent),
    call(`open tasks of ${directory.text}`, "openat", [directory.self, "tasks", O_WRONLY | O_CLOEXEC, 0], {
      into: tasks,
      hints: { EACCES: "the cgroup does not belong to this user" },
      ...subjectOf(directory),
    }),
  ]);

/**
 * The caller is meant by 0, so that no number has to be known. By `tasks`, not `cgroup.procs`: init has one
 * thread, and one that moves itself need not wait until no process of the machine forks or exits, which takes
 * the kernel 10 ms (cgroup_attach_lock in kernel/cgroup/cgroup.c, since 5.5).
 */
export const enterV1 = (memberships: readonly Membership[]): Step[] =>
  memberships.map(({ directory, tasks }) =>
    call(`enter the cgroup ${directory.text}`, "write", [tasks, "0", 1], {
      ...subjectOf(directory),
      hints: {
        ENOSPC: "cpuset is mounted together with this controller, and the new cgroup has no processors yet",
        EACCES: "the cgroup belongs to another user",
      },
    }),
  );
