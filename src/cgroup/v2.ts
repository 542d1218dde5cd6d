/**
 * Cgroups of version 2 (admin-guide/cgroup-v2): one directory, whose controllers the ones above must hand
 * down.
 */
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { call, slot } from "../plan/build.ts";
import type { Buffer, Call, Outcome, Slot, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import type { Unified } from "./detect.ts";
import { filterDevices } from "./device-filter.ts";
import { type DevicePolicy, devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory } from "./directory.ts";
import { above, isExplicit, placeCgroup } from "./path.ts";
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

/**
 * The controllers that a cgroup has when its path is explicit or it is to be updated later: those that
 * systemd knows how to delegate.
 */
const USUAL: readonly string[] = ["cpu", "cpuset", "io", "memory", "pids"];

export interface MembershipV2 {
  readonly directory: Directory;
  readonly ancestors: readonly string[];
  /** Every directory above the cgroup, from the root on. */
  readonly line: readonly string[];
  readonly settings: readonly Setting[];
  /** Controllers that are handed down where that is possible; a setting needs its own. */
  readonly usual: readonly string[];
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
  isManaged = false,
): MembershipV2 {
  const beside = own === mount ? mount : own.slice(0, own.lastIndexOf("/"));
  const place = placeCgroup({ mount, relative: uid === 0 ? mount : beside }, cgroupsPath);
  const directoryV2 = directory("v2", place);
  return {
    directory: directoryV2,
    ancestors: place.ancestors,
    line: [...above(mount, place.parent), ...(place.parent === mount ? [] : [place.parent])],
    settings: settingsV2(resources),
    usual: isManaged || isExplicit(cgroupsPath) ? USUAL : [],
    devices: devicePolicy(resources.devices),
    into: directoryV2.self,
  };
}

const absent = ({ controller, file }: Setting): string =>
  file === "memory.swap.max"
    ? "the kernel does not account for swap: leave linux.resources.memory.swap out"
    : `${controller} was not handed down to this cgroup, or this kernel has no ${file}`;

const FILE = slot("cgroup file");

/** Everything that handing down can fail with, for what can be done without. */
const REFUSED = ["ENOENT", "EBUSY", "EACCES", "EPERM", "EROFS", "EOPNOTSUPP", "EINVAL"] as const;

type Outcomes = NonNullable<Call["errors"]>;

const outcomes = (names: readonly (typeof REFUSED)[number][], outcome: Outcome): Outcomes =>
  Object.fromEntries(names.map((name) => [name, outcome]));

/** Lets a directory hand a controller down; where that is so already, nothing happens. */
function enable(controller: string, parent: string, isLast: boolean, isNeeded: boolean): Step[] {
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
  const done = `cgroup ${controller} in ${parent}`;
  // What lies above what was delegated to a user is not theirs, and has been enabled by whoever delegated it.
  const tolerated = isNeeded ? (isLast ? [] : (["EACCES", "EPERM"] as const)) : REFUSED;
  const errors = outcomes(tolerated, { to: done });
  return [
    call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: FILE, errors, hints }),
    call(why, "write", [FILE, text, text.length], {
      hints,
      errors: outcomes(isNeeded ? [] : REFUSED, "ignore"),
    }),
    call(`close ${path}`, "close", [FILE]),
    { kind: "label", name: done },
  ];
}

export function createV2(membership: MembershipV2): Step[] {
  const { ancestors, line, settings, usual } = membership;
  const needed = settings.map(({ controller }) => controller);
  const controllers = [...new Set([...needed, ...usual])];
  return [
    ...line.flatMap((parent, index) => [
      ...(ancestors.includes(parent) ? [makeAncestor(parent)] : []),
      ...controllers.flatMap((controller) =>
        enable(controller, parent, index === line.length - 1, needed.includes(controller)),
      ),
    ]),
    ...limitV2(membership),
  ];
}

/** Makes the cgroup with its limits; `parent` is the path above it where only the running program knows it. */
export const limitV2 = (
  { directory, settings, devices, into }: MembershipV2,
  parent: string | Buffer = directory.parent,
): Step[] => [
  ...makeDirectory(directory, parent),
  ...writeSettings(directory, settings, absent),
  ...(devices === undefined ? [] : filterDevices(devices, into)),
];
