/** The five capability sets (capabilities(7)). */
import {
  CAPABILITIES,
  capabilityMask,
  _LINUX_CAPABILITY_VERSION_3 as VERSION_3,
} from "../linux/capability.ts";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
} from "../linux/prctl.ts";
import { raisableAmbient } from "../spec/capability.ts";
import type { Process } from "../spec/spec.ts";
import { branch, call, compute, label, set, slot, struct } from "./build.ts";
import type { Step } from "./step.ts";

/** Bits in the kernel's kernel_cap_t. */
const CAPABILITY_BITS = 64;

const names = (list: readonly string[] | undefined): readonly string[] => list ?? [];

/**
 * Drops from the bounding set all that is not listed, those included that this hutch does not know yet: a
 * newer kernel's capability must not slip through. Before the ids change, because dropping takes CAP_SETPCAP.
 */
export function dropBounding(process: Process): Step[] {
  const number = slot("capability");
  const kept = slot("capabilities to keep");
  const why = "drop from the bounding set what is not listed";
  return [
    set(kept, capabilityMask(names(process.capabilities?.bounding))),
    set(number, 0),
    label("next capability"),
    branch(kept, "any", 1, "keep capability"),
    // The kernel's last capability has been passed.
    call(why, "prctl", [PR_CAPBSET_DROP, number, 0, 0, 0], {
      errors: { EINVAL: { to: "bounding set is done" } },
      hints: { EPERM: "dropping takes CAP_SETPCAP" },
    }),
    label("keep capability"),
    compute(kept, kept, "shr", 1),
    compute(number, number, "add", 1),
    branch(number, "lt", CAPABILITY_BITS, "next capability"),
    label("bounding set is done"),
  ];
}

/**
 * The thread's three sets in one call, then the ambient set, which must lie within permitted and
 * inheritable.
 */
export function setCapabilities(process: Process): Step[] {
  const { effective, permitted, inheritable } = process.capabilities ?? {};
  const masks = [effective, permitted, inheritable].map((list) => capabilityMask(names(list)));
  const half = (mask: bigint | undefined, shift: bigint): number =>
    Number(((mask ?? 0n) >> shift) & 0xffffffffn);
  const [e, p, i] = masks;
  const header = struct("__user_cap_header_struct", [
    ["version", 4, VERSION_3],
    ["pid", 4, 0],
  ]);
  const data = struct("__user_cap_data_struct", [
    ["effective", 4, half(e, 0n)],
    ["permitted", 4, half(p, 0n)],
    ["inheritable", 4, half(i, 0n)],
    ["effective", 4, half(e, 32n)],
    ["permitted", 4, half(p, 32n)],
    ["inheritable", 4, half(i, 32n)],
  ]);
  return [
    call("set the effective, permitted and inheritable capabilities", "capset", [header, data], {
      hints: { EPERM: "a capability was asked for that hutch itself does not hold" },
    }),
    call("clear the ambient capabilities", "prctl", [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]),
    // What the kernel would refuse has been warned of when the config was read; runc spec writes such sets.
    ...raisableAmbient(process.capabilities ?? {}).map((name) =>
      call(`make ${name} ambient`, "prctl", [
        PR_CAP_AMBIENT,
        PR_CAP_AMBIENT_RAISE,
        CAPABILITIES.indexOf(name),
        0,
        0,
      ]),
    ),
  ];
}
