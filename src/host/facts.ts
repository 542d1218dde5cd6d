/** What a planner wants to know of the host; each fact is read when it is asked for, and not kept. */
import { readText } from "./fd.ts";
import { type Mount, parseMountinfo } from "./mountinfo.ts";
import { call } from "./syscall.ts";

/** The release of the kernel, as `uname -r` prints it. */
export function kernelRelease(): string {
  // struct utsname: six fields of 65 bytes, the third is the release.
  const utsname = new Uint8Array(new ArrayBuffer(6 * 65));
  call("ask for the kernel's release", "uname", utsname);
  return new TextDecoder().decode(utsname.subarray(130, utsname.indexOf(0, 130)));
}

/** Whether a release ("6.1.0-18-amd64") is that version or a younger one. */
export function releaseAtLeast(release: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = release.split(/[^0-9]+/, 2).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** The effective user id. */
export function effectiveUser(): number {
  return call("ask for the effective user", "geteuid");
}

/** The effective group id. */
export function effectiveGroup(): number {
  return call("ask for the effective group", "getegid");
}

/** The supplementary group ids. */
export function supplementaryGroups(): number[] {
  const count = call("count the supplementary groups", "getgroups", 0, 0);
  const groups = new Uint32Array(new ArrayBuffer(4 * count));
  const got = call("ask for the supplementary groups", "getgroups", count, new Uint8Array(groups.buffer));
  return [...groups.subarray(0, got)];
}

/** The mounts of the mount namespace of a process. */
export function mounts(process: number | "self" = "self"): Mount[] {
  return parseMountinfo(readText(`/proc/${process}/mountinfo`));
}

/** The membership of a process in one cgroup hierarchy. */
export interface CgroupMembership {
  /** 0 is the hierarchy of version 2. */
  readonly hierarchy: number;
  /** The controllers of a hierarchy of version 1, or its name ("name=systemd"); none in version 2. */
  readonly controllers: readonly string[];
  /** Relative to the root of the hierarchy, with a leading slash. */
  readonly path: string;
}

/** The memberships in a /proc/PID/cgroup file, as cgroups(7) describes it. */
export function parseCgroups(text: string): CgroupMembership[] {
  return text.split("\n").flatMap((line) => {
    const fields = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    const [, hierarchy, controllers = "", path = ""] = fields ?? [];
    if (hierarchy === undefined) return [];
    return [
      { hierarchy: Number(hierarchy), controllers: controllers === "" ? [] : controllers.split(","), path },
    ];
  });
}

/** The cgroups of a process. */
export function cgroups(process: number | "self" = "self"): CgroupMembership[] {
  return parseCgroups(readText(`/proc/${process}/cgroup`));
}

/** The highest capability number the kernel knows. */
export function lastCapability(): number {
  return Number(readText("/proc/sys/kernel/cap_last_cap"));
}

/** One range of a user namespace's id map; ids are of the namespace and of the one it was made in. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** The ranges of a uid_map or gid_map file, as user_namespaces(7) describes it. */
export function parseIdMap(text: string): IdRange[] {
  return text.split("\n").flatMap((line) => {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    return inside === undefined || outside === undefined || count === undefined
      ? []
      : [{ inside, outside, count }];
  });
}

/** The uid map of this process's user namespace. */
export function uidMap(): IdRange[] {
  return parseIdMap(readText("/proc/self/uid_map"));
}

/** The gid map of this process's user namespace. */
export function gidMap(): IdRange[] {
  return parseIdMap(readText("/proc/self/gid_map"));
}

/** Whether a uid map is the one of the initial user namespace: every id but the last stands for itself. */
export function isInitialMap(map: readonly IdRange[]): boolean {
  const [only, ...others] = map;
  return others.length === 0 && only?.inside === 0 && only.outside === 0 && only.count === 0xffffffff;
}

/** The capability sets of this thread; bit n is capability n. */
export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

const LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** What capget(2) says of this thread. */
export function capabilities(): CapabilitySets {
  const header = new Uint32Array(new ArrayBuffer(8));
  header[0] = LINUX_CAPABILITY_VERSION_3;
  const data = new Uint32Array(new ArrayBuffer(24));
  call("ask for the capabilities", "capget", new Uint8Array(header.buffer), new Uint8Array(data.buffer));
  // Two structs of effective, permitted, inheritable: the low halves, then the high ones.
  const set = (index: number): bigint => (BigInt(data[index + 3] ?? 0) << 32n) | BigInt(data[index] ?? 0);
  return { effective: set(0), permitted: set(1), inheritable: set(2) };
}
