/**
 * Cgroups of version 2 (admin-guide/cgroup-v2): one directory, whose controllers the ones above must hand
 * down.
 */
import type { Buffer, Slot, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import { enable, enableSpare, type Looks, refuseUndelegated } from "./delegate.ts";
import type { Unified } from "./detect.ts";
import { filterDevices } from "./device-filter.ts";
import { type DevicePolicy, devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory } from "./directory.ts";
import { isCore, newSettings } from "./limits.ts";
import { above, placeCgroup } from "./path.ts";
import { type Setting, writeSettings } from "./setting.ts";
import { freezerOf } from "./take.ts";

export interface MembershipV2 {
  readonly directory: Directory;
  readonly ancestors: readonly string[];
  /** Every directory above the cgroup, from the root on. */
  readonly line: readonly string[];
  readonly settings: readonly Setting[];
  /** The controllers that are handed down where that is possible; a setting needs its own. */
  readonly spare: readonly string[];
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
  spare: readonly string[] = [],
): MembershipV2 {
  const beside = own === mount ? mount : own.slice(0, own.lastIndexOf("/"));
  const place = placeCgroup({ mount, relative: uid === 0 ? mount : beside }, cgroupsPath);
  const directoryV2 = directory("v2", place, freezerOf("v2"));
  return {
    directory: directoryV2,
    ancestors: place.ancestors,
    line: [...above(mount, place.parent), ...(place.parent === mount ? [] : [place.parent])],
    settings: newSettings(resources, "v2"),
    spare,
    devices: devicePolicy(resources.devices),
    into: directoryV2.self,
  };
}

const absent = ({ controller, file }: Setting): string =>
  file === "memory.swap.max"
    ? "the kernel does not account for swap: leave linux.resources.memory.swap out"
    : `${controller} was not handed down to this cgroup, or this kernel has no ${file}`;

/** The controllers that the settings need. */
export const needed = (settings: readonly Setting[]): string[] => [
  ...new Set(settings.filter((setting) => !isCore(setting)).map(({ controller }) => controller)),
];

/** Throws HutchError for a limit whose controller is not there, or was not delegated. */
export const checkV2 = ({ line, settings }: MembershipV2, looks: Looks): void =>
  refuseUndelegated(needed(settings), line, looks);

export function createV2(membership: MembershipV2): Step[] {
  const { ancestors, line, settings, spare } = membership;
  const controllers = needed(settings);
  const others = spare.filter((controller) => !controllers.includes(controller));
  return [
    ...line.flatMap((parent, index) => [
      ...(ancestors.includes(parent) ? [makeAncestor(parent)] : []),
      ...enableSpare(others, parent),
      ...controllers.flatMap((controller) => enable(controller, parent, index === line.length - 1)),
    ]),
    ...limitV2(membership),
  ];
}

/**
 * Makes the cgroup with its limits; `parent` is the path above it where only the running program knows it.
 */
export const limitV2 = (
  { directory, settings, devices, into }: MembershipV2,
  parent: string | Buffer = directory.parent,
): Step[] => [
  ...makeDirectory(directory, parent),
  ...writeSettings(directory, settings, absent),
  ...(devices === undefined ? [] : filterDevices(devices, into)),
];
