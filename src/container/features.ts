/** What hutch can do, for whoever asks before a container is made (OCI features.md, features-linux.md). */
import type { Arch } from "../linux/arch.ts";
import { CAPABILITIES } from "../linux/capability.ts";
import { HutchError } from "../linux/error.ts";
import { MOUNT_OPTIONS } from "../linux/mount-option.ts";
import { NAMESPACES } from "../linux/namespace.ts";
import { sortOptions } from "../plan/mount-options.ts";
import { abisOf } from "../plan/seccomp-abi.ts";
import { HOOK_NAMES } from "../spec/hooks.ts";
import { SECCOMP_ACTIONS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from "../spec/seccomp.ts";
import { unsupportedPaths } from "../spec/supported.ts";

/** Words that ask for nothing that could be withheld. */
const IDLE = ["silent", "loud"];

/** False for a word that is refused by name, and for one that the file system should hear but does not. */
function isHonoured(word: string): boolean {
  try {
    const { data } = sortOptions({ destination: "/", type: "tmpfs", options: [word] }, 0);
    return MOUNT_OPTIONS[word]?.kind !== "super" || data.length > 0 || IDLE.includes(word);
  } catch (error) {
    if (error instanceof HutchError) return false;
    throw error;
  }
}

/**
 * The answers come from the tables that hutch works by, so that they are true: what is refused as not
 * supported is not here.
 */
export function features(arch: Arch) {
  const unsupported = unsupportedPaths();
  const supports = (...paths: readonly string[]): boolean =>
    !paths.some((path) => unsupported.includes(path));
  // This action and this flag are about a listener, and refused without one.
  const listens = supports("linux.seccomp.listenerPath");
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    hooks: HOOK_NAMES.filter((name) => supports(`hooks.${name}`)),
    mountOptions: Object.keys(MOUNT_OPTIONS).filter(isHonoured).sort(),
    linux: {
      namespaces: NAMESPACES.map(({ type }) => type).sort(),
      capabilities: CAPABILITIES,
      cgroup: {
        v1: true,
        v2: true,
        systemd: true,
        systemdUser: true,
        rdma: supports("linux.resources.rdma"),
      },
      seccomp: {
        enabled: true,
        actions: SECCOMP_ACTIONS.filter((action) => action !== "SCMP_ACT_NOTIFY" || listens),
        operators: SECCOMP_OPERATORS,
        // The kernel has no other calls to filter.
        archs: abisOf(arch).map(({ architecture }) => architecture),
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS.filter(
          (flag) => flag !== "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" || listens,
        ),
      },
      apparmor: { enabled: supports("process.apparmorProfile") },
      selinux: { enabled: supports("process.selinuxLabel", "linux.mountLabel") },
      intelRdt: { enabled: supports("linux.intelRdt") },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: supports("linux.netDevices") },
    },
    // They are properties of the unit that systemd is asked for.
    potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
  };
}
