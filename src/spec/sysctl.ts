/** Kernel parameters: config-linux.md, "Sysctl"; sysctl(8). */
import type { NamespaceType } from "../linux/namespace.ts";
import { namespaceOf } from "./namespace.ts";
import type { Rule } from "./rule.ts";

/**
 * The file of a kernel parameter below /proc/sys. As in sysctl(8) the first separator of the key decides:
 * in `net.ipv4.conf.eth0/1.forwarding` a dot separates and a slash is a dot of the name; in
 * `net/ipv4/conf/eth0.1/forwarding` it is the other way round.
 */
export function sysctlPath(key: string): string {
  const first = key.search(/[./]/);
  if (first === -1 || key[first] === "/") return key;
  return key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

/** The namespace a parameter belongs to; all others are the host's, whoever writes them. */
function ownerOf(path: string): NamespaceType | undefined {
  if (path.startsWith("net/")) return "network";
  if (path.startsWith("fs/mqueue/") || IPC.includes(path)) return "ipc";
  return path === "kernel/domainname" ? "uts" : undefined;
}

const IPC = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
];

export const sysctlRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxSysctl",
    check(spec, refuse) {
      for (const key of Object.keys(spec.linux?.sysctl ?? {})) {
        const where = `linux.sysctl[${JSON.stringify(key)}]`;
        const path = sysctlPath(key);
        // A file name cannot be one of these, and ".." would lead out of the namespace's part of /proc/sys.
        if (path.split("/").some((part) => part === "" || part === "." || part === "..")) {
          refuse(where, "the name of a kernel parameter", key);
        } else if (path === "kernel/hostname") {
          refuse(where, "the field hostname instead", key);
        } else {
          const owner = ownerOf(path);
          if (!owner) refuse(where, "a parameter of a namespace, not of the whole host", key);
          else if (!namespaceOf(spec, owner)) {
            const article = owner === "ipc" ? "an" : "a";
            refuse(where, `${article} ${owner} namespace in linux.namespaces`, undefined);
          }
        }
      }
    },
  },
];
