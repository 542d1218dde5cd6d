/** A device policy in the words of systemd: DevicePolicy and DeviceAllow (systemd.resource-control(5)). */
import type { Property } from "../dbus/value.ts";
import type { DeviceRule } from "../spec/resources.ts";
import { accessLetters, covers, type DeviceDecision, devicePolicy } from "./device-rule.ts";

/** The version that takes char-MAJOR and nodes that are not there. */
const NUMBERS_SINCE = 240;

const KINDS = { b: "block", c: "char" } as const;

/** The name of a set of devices; undefined for one that systemd has no words for. */
function nameOf({ type, major, minor }: DeviceDecision, systemd: number): string | undefined {
  const kind = KINDS[type];
  if (major === undefined) return minor === undefined ? `${kind}-*` : undefined;
  if (minor !== undefined) return `/dev/${kind}/${major}:${minor}`;
  return systemd >= NUMBERS_SINCE ? `${kind}-${major}` : undefined;
}

const properties = (policy: string, allowed: readonly (readonly [string, string])[]): Property[] => [
  ["DevicePolicy", { signature: "s", value: policy }],
  // Given also when it is empty: that clears what the unit has.
  ["DeviceAllow", { signature: "a(ss)", value: allowed }],
];

/** What the rules leave allowed, one after the other. */
function allowedBy(rules: readonly DeviceDecision[]): DeviceDecision[] {
  let allowed: DeviceDecision[] = [];
  for (const rule of rules) {
    if (rule.allow) allowed.push(rule);
    // What is taken back of a part only stays in systemd's list, not in the cgroup.
    else allowed = allowed.map((each) => (covers(rule, each) ? without(each, rule.access) : each));
  }
  return allowed.filter(({ access }) => access !== 0);
}

const without = (decision: DeviceDecision, access: number): DeviceDecision => ({
  ...decision,
  access: decision.access & ~access,
});

/**
 * A list of what is allowed, beside which everything is forbidden. hutch's own rules in the cgroup say the
 * same more exactly, and on version 2 the kernel asks both; so where systemd could only allow too little, it
 * is told to allow all. Without rules nothing is said.
 */
export function systemdDevices(devices: readonly DeviceRule[] | undefined, systemd: number): Property[] {
  if (devices === undefined || devices.length === 0) return [];
  const policy = devicePolicy(devices);
  if (policy === undefined || policy.allow) return properties("auto", []);
  const list: (readonly [string, string])[] = [];
  for (const each of allowedBy(policy.rules)) {
    const name = nameOf(each, systemd);
    if (name === undefined) return properties("auto", []);
    list.push([name, accessLetters(each.access)]);
  }
  return properties("strict", list);
}
