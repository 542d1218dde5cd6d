/**
 * linux.resources.devices as both versions of cgroups act upon it (OCI config-linux, "Allowed Device
 * list").
 */
import { BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE } from "../linux/bpf.ts";
import { CONSOLE_DEVICE, DEFAULT_DEVICES, PTMX_DEVICE, PTS_MAJOR } from "../linux/device.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** The devices that a rule is about; an absent number is every number. */
export interface DeviceSet {
  readonly type: "b" | "c";
  readonly major: number | undefined;
  readonly minor: number | undefined;
}

export interface DeviceDecision extends DeviceSet {
  readonly allow: boolean;
  /** BPF_DEVCG_ACC_*, ored together. */
  readonly access: number;
}

/** For each device and each kind of access the last rule that names both decides. */
export interface DevicePolicy {
  /** What holds where no rule decides. */
  readonly allow: boolean;
  readonly rules: readonly DeviceDecision[];
}

const ACCESS = { r: BPF_DEVCG_ACC_READ, w: BPF_DEVCG_ACC_WRITE, m: BPF_DEVCG_ACC_MKNOD } as const;
const EVERY_ACCESS = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
const LETTERS = ["r", "w", "m"] as const;

/** "rwm" and less; absent is every access, as absent numbers are every device. */
const accessMask = (letters: string | undefined): number =>
  letters
    ? LETTERS.reduce((mask, letter) => (letters.includes(letter) ? mask | ACCESS[letter] : mask), 0)
    : EVERY_ACCESS;

export const accessLetters = (mask: number): string =>
  LETTERS.filter((letter) => (mask & ACCESS[letter]) !== 0).join("");

const permit = (type: "b" | "c", major?: number, minor?: number, access = EVERY_ACCESS): DeviceDecision => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

/**
 * What a container's /dev is made of stays usable whatever the rules say, and nodes may be made of any
 * device: to have a node does not mean that it can be opened. The same as runc permits.
 */
const defaults = (): DeviceDecision[] => [
  permit("c", undefined, undefined, BPF_DEVCG_ACC_MKNOD),
  permit("b", undefined, undefined, BPF_DEVCG_ACC_MKNOD),
  ...DEFAULT_DEVICES.map(({ type, major, minor }) => permit(type, major, minor)),
  permit("c", CONSOLE_DEVICE.major, CONSOLE_DEVICE.minor),
  permit("c", PTMX_DEVICE.major, PTMX_DEVICE.minor),
  permit("c", PTS_MAJOR),
];

const number = (value: number | undefined): number | undefined =>
  value === undefined || value === -1 ? undefined : value;

/** The policy of a list of rules; undefined when there are none, or when they forbid nothing. */
export function devicePolicy(devices: readonly DeviceRule[] = []): DevicePolicy | undefined {
  if (devices.length === 0) return undefined;
  // A list of what is allowed forbids the rest, also without a first rule that says so.
  let allow = false;
  let rules: DeviceDecision[] = [];
  for (const rule of devices) {
    const [major, minor, access] = [number(rule.major), number(rule.minor), accessMask(rule.access)];
    const type = rule.type || "a";
    if (type === "a" && major === undefined && minor === undefined && access === EVERY_ACCESS) {
      ({ allow } = rule);
      rules = [];
      continue;
    }
    // Version 1 takes "a" for all devices, whatever numbers and access stand behind it.
    for (const each of ["b", "c"] as const) {
      if (type === "a" || type === each) rules.push({ allow: rule.allow, type: each, major, minor, access });
    }
  }
  return allow && rules.every((rule) => rule.allow) ? undefined : { allow, rules: [...rules, ...defaults()] };
}

/** True when no device is in one set but not in the other. */
export const covers = (outer: DeviceSet, inner: DeviceSet): boolean =>
  outer.type === inner.type &&
  (outer.major === undefined || outer.major === inner.major) &&
  (outer.minor === undefined || outer.minor === inner.minor);

/** True when some device is in both sets. */
export const overlap = (one: DeviceSet, other: DeviceSet): boolean =>
  one.type === other.type &&
  (one.major === undefined || other.major === undefined || one.major === other.major) &&
  (one.minor === undefined || other.minor === undefined || one.minor === other.minor);
