/**
 * Cgroups of version 2 (admin-guide/cgroup-v2): one directory, whose controllers the ones above must hand
 * down.
 */
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { call, slot } from "../plan/build.ts";
import type { Call, Slot, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import type { Unified } from "./detect.ts";
import { filterDevices } from "./device-filter.ts";
import { type DevicePolicy, devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory } from "./directory.ts";
import { above, placeCgroup } from "./path.ts";
import { type Amount, pidsMax, type Setting, settings, writeSettings } from "./setting.ts";

/** The kernel's default period, in microseconds. */
const DEFAULT_PERIOD = 100_000;

const most = (value: Amount): string | undefined => (value ? (value < 0 ? "max" : `${value}`) : undefined);

/**
 * cpu.weight (1 to 10,000) for cpu.shares (2 to 262,144), by the formula that runc (since 1.3.2) and crun
 * (since 1.23) share: 10^((l² + 125 l)/612 − 7/34), rounded up, with l = log2 shares. It maps least,
 * default (1,024 to 100) and most.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const l = Math.log2(shares);
  // One fraction, because 7/34 = 126/612: then powers of two give an exact exponent.
  return Math.ceil(10 ** ((l * l + 125 * l - 126) / 612));
}

/** memory.swap.max counts swap alone; linux.resources counts memory and swap together, as version 1 did. */
function swapMax({ memory }: Resources): string | undefined {
  const { limit, swap } = memory ?? {};
  if (!swap) return undefined;
  return swap < 0 ? "max" : `${BigInt(swap) - BigInt(limit ?? 0)}`;
}

function cpuMax({ cpu }: Resources): string | undefined {
  const { quota, period } = cpu ?? {};
  return quota || period ? `${most(quota) ?? "max"} ${period || DEFAULT_PERIOD}` : undefined;
}

/** What linux.resources writes, in the order of writing; devices are not among it. */
export const settingsV2 = (resources: Resources): Setting[] =>
  settings([
    ["memory", "memory.max", most(resources.memory?.limit)],
    ["memory", "memory.swap.max", swapMax(resources)],
    // The kernel protects what is below it, as far as it can: the reading of "reservation" that runtimes
    // share.
    ["memory", "memory.low", most(resources.memory?.reservation)],
    ["cpu", "cpu.weight", resources.cpu?.shares ? `${cpuWeight(resources.cpu.shares)}` : undefined],
    ["cpu", "cpu.max", cpuMax(resources)],
    ["pids", "pids.max", pidsMax(resources)],
  ]);

export interface MembershipV2 {
  readonly directory: Directory;
  readonly ancestors: readonly string[];
  /** Every directory above the cgroup, from the root on. */
  readonly line: readonly string[];
  readonly settings: readonly Setting[];
  readonly devices: DevicePolicy | undefined;
  /** The descriptor of the directory. */
  readonly into: Slot;
}

/**
 * The container's cgroup. It cannot lie below hutch's own: a cgroup that has processes cannot hand
 * controllers down. So a relative path starts at the root, for an ordinary user beside hutch's own cgroup,
 * where systemd lets users make cgroups.
 */
export function membershipV2(
  { mount, own }: Unified,
  resources: Resources,
  cgroupsPath: string | undefined,
  uid: number,
): MembershipV2 {
  const beside = own === mount ? mount : own.slice(0, own.lastIndexOf("/"));
  const place = placeCgroup({ mount, relative: uid === 0 ? mount : beside }, cgroupsPath);
  const directoryV2 = directory("v2", place);
  return {
    directory: directoryV2,
    ancestors: place.ancestors,
    line: [...above(mount, place.parent), ...(place.parent === mount ? [] : [place.parent])],
    settings: settingsV2(resources),
    devices: devicePolicy(resources.devices),
    into: directoryV2.self,
  };
}

const absent = ({ controller, file }: Setting): string =>
  file === "memory.swap.max"
    ? "the kernel does not account for swap: leave linux.resources.memory.swap out"
    : `${controller} was not handed down to this cgroup, or this kernel has no ${file}`;

const FILE = slot("cgroup file");

/** Lets a directory hand a controller down; where that is so already, nothing happens. */
function enable(controller: string, parent: string, isLast: boolean): Step[] {
  const path = `${parent}/cgroup.subtree_control`;
  const why = `hand ${controller} down: write +${controller} to ${path}`;
  const hints = {
    ENOENT: `the ${controller} controller is not in ${parent}/cgroup.controllers: the kernel lacks it, cgroup v1 uses it (boot with cgroup_no_v1=all), or it is not delegated`,
    EBUSY: `${parent} has processes of its own: move them into a cgroup below, or give a linux.cgroupsPath in another one`,
    EACCES: `${controller} is not delegated to this user: systemctl edit user@.service, with Delegate=cpu memory pids`,
    EROFS: "the cgroup file system is mounted read-only",
    EOPNOTSUPP: `${parent} is a threaded cgroup`,
  };
  const text = `+${controller}`;
  const special: Pick<Call, "hints"> = { hints };
  const done = `cgroup ${controller} in ${parent}`;
  // What lies above what was delegated to a user is not theirs, and has been enabled by whoever delegated it.
  const errors: Call["errors"] = isLast ? {} : { EACCES: { to: done }, EPERM: { to: done } };
  return [
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: FILE, errors, ...special }),
    call(why, "write", [FILE, text, text.length], special),
    call(`close ${path}`, "close", [FILE]),
    ...(isLast ? [] : [{ kind: "label", name: done } as const]),
  ];
}

export function createV2(membership: MembershipV2): Step[] {
  const { directory, ancestors, line, settings, devices, into } = membership;
  const controllers = [...new Set(settings.map(({ controller }) => controller))];
  return [
    ...line.flatMap((parent, index) => [
      ...(ancestors.includes(parent) ? [makeAncestor(parent)] : []),
      ...controllers.flatMap((controller) => enable(controller, parent, index === line.length - 1)),
    ]),
    ...makeDirectory(directory),
    ...writeSettings(directory, settings, absent),
    ...(devices === undefined ? [] : filterDevices(devices, into)),
  ];
}
