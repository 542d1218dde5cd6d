/**
 * A device policy in the words of version 1: lines for devices.allow and devices.deny
 * (admin-guide/cgroup-v1/devices).
 */
import { HutchError } from "../linux/error.ts";
import { accessLetters, covers, type DevicePolicy, type DeviceSet, overlap } from "./device-rule.ts";

export interface DeviceLine {
  readonly file: "devices.allow" | "devices.deny";
  readonly text: string;
}

const describe = ({ type, major, minor }: DeviceSet, access: number): string =>
  `${type} ${major ?? "*"}:${minor ?? "*"} ${accessLetters(access)}`;

/**
 * The lines, in order. The kernel keeps a default and a list of exceptions, and takes an exception back
 * only for exactly the numbers it was made with; any other attempt it ignores, without an error. So a rule
 * that takes back more than an exception becomes lines for the exceptions it covers, and one that takes
 * back a part of an exception is a HutchError.
 */
export function deviceLines(policy: DevicePolicy): DeviceLine[] {
  const file = (allow: boolean): DeviceLine["file"] => (allow ? "devices.allow" : "devices.deny");
  const lines: DeviceLine[] = [{ file: file(policy.allow), text: "a" }];
  const exceptions: { readonly set: DeviceSet; access: number }[] = [];
  for (const rule of policy.rules) {
    if (rule.allow !== policy.allow) {
      lines.push({ file: file(rule.allow), text: describe(rule, rule.access) });
      exceptions.push({ set: rule, access: rule.access });
      continue;
    }
    for (const exception of exceptions) {
      const access = exception.access & rule.access;
      if (access === 0 || !overlap(exception.set, rule)) continue;
      if (!covers(rule, exception.set)) throw inexpressible(rule, exception.set, access);
      lines.push({ file: file(rule.allow), text: describe(exception.set, access) });
      exception.access &= ~access;
    }
  }
  return lines;
}

const inexpressible = (rule: DeviceSet & { readonly allow: boolean }, set: DeviceSet, access: number) =>
  new HutchError({
    operation: "limit devices: linux.resources.devices",
    reason: `cgroup v1 cannot ${rule.allow ? "allow" : "deny"} ${describe(rule, access)} out of ${describe(set, access)}`,
    hint: "name the devices of the wider rule one by one, or use a host with cgroup v2",
  });
