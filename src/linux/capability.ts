/** capability.h of the kernel's UAPI. */
import { HutchError } from "./error.ts";

/** Every capability; the index is its number. Linux 6.18 has the same 41 as 5.9. */
export const CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/** `version` of struct __user_cap_header_struct: 64-bit sets as two 32-bit words each. */
export const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** The number of a capability written as "CAP_CHOWN", "CHOWN" or "chown"; undefined when there is none. */
export function capabilityNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const index = CAPABILITIES.indexOf(upper.startsWith("CAP_") ? upper : `CAP_${upper}`);
  return index < 0 ? undefined : index;
}

/** The bit set of some capabilities; throws HutchError for a name the kernel does not have. */
export function capabilityMask(names: Iterable<string>): bigint {
  let mask = 0n;
  for (const name of names) {
    const number = capabilityNumber(name);
    if (number === undefined) {
      throw new HutchError({ operation: `capability "${name}"`, reason: "is not known" });
    }
    mask |= 1n << BigInt(number);
  }
  return mask;
}

/** The names of a bit set, in the order of the numbers. */
export function capabilityNames(mask: bigint): string[] {
  return CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
}
