/** The mounts of `hutch in`: the usual API file systems, what hides the host, and what was asked for. */
import type { NamespaceType } from "../linux/namespace.ts";
import type { Mount } from "../spec/spec.ts";
import { all, type Given } from "./given.ts";
import type { Surroundings } from "./in-spec.ts";
import { absoluteSource } from "./source.ts";
import { parseBind, parseTmpfs } from "./value.ts";

const mount = (type: string, destination: string, ...options: string[]): Mount => ({
  type,
  source: type,
  destination,
  options,
});

/** Binds something of the host where a new file system is not allowed. */
const bind = (path: string, ...options: string[]): Mount => ({
  type: "bind",
  source: path,
  destination: path,
  options: ["rbind", ...options],
});

interface Facts {
  readonly owns: (type: NamespaceType) => boolean;
  /** True for a joined namespace too: what shows it must not show the host's. */
  readonly leaves: (type: NamespaceType) => boolean;
  /** True when the container has limits, and so a cgroup that is worth showing. */
  readonly limited: boolean;
}

const MQUEUE = "/dev/mqueue";

/**
 * The file systems of the kernel; a new one shows a namespace, so without the namespace the host's is
 * bound.
 */
function apiMounts({ owns, leaves, limited }: Facts, { host }: Surroundings): Mount[] {
  const gid = owns("user") ? [] : ["gid=5"];
  return [
    leaves("pid")
      ? mount("proc", "/proc", "nosuid", "noexec", "nodev")
      : bind("/proc", "nosuid", "noexec", "nodev"),
    mount("tmpfs", "/dev", "nosuid", "noexec", "strictatime", "mode=755", "size=65536k"),
    mount("devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...gid),
    mount("tmpfs", "/dev/shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
    ...(leaves("ipc") ? [mount("mqueue", MQUEUE, "nosuid", "noexec", "nodev")] : []),
    // Not every host has its message queues mounted.
    ...(!leaves("ipc") && host.kind(MQUEUE) !== undefined ? [bind(MQUEUE, "nosuid", "noexec", "nodev")] : []),
    owns("network")
      ? mount("sysfs", "/sys", "nosuid", "noexec", "nodev", "ro")
      : bind("/sys", "nosuid", "noexec", "nodev", "rro"),
    ...(limited && owns("cgroup") && owns("network")
      ? [mount("cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")]
      : []),
  ];
}

/**
 * Where the root is the host's, its sockets are too: a client that reaches the sockets of /run and /tmp
 * (docker, dbus, X11, ssh-agent) is not isolated, read-only or not. Both are the container's own then.
 */
const HIDDEN: readonly Mount[] = [
  mount("tmpfs", "/run", "nosuid", "nodev", "mode=755"),
  mount("tmpfs", "/tmp", "nosuid", "nodev", "mode=1777"),
];

/** Every mount, in the order in which they are made. */
export function inMounts(given: Given, around: Surroundings, facts: Facts): Mount[] {
  const { where, resolver, layer } = around;
  const requested = [
    ...all(given, "tmpfs").map((text) => parseTmpfs("tmpfs", text)),
    ...all(given, "bind")
      .map((text) => parseBind("bind", text))
      .map((mount) => ({
        ...mount,
        source: absoluteSource(mount.source, around.here),
      })),
  ];
  const resolv: Mount[] =
    resolver === undefined || facts.owns("network")
      ? []
      : [
          {
            type: "bind",
            source: resolver,
            destination: resolver,
            options: ["bind", "nosuid", "nodev", "noexec", "ro"],
          },
        ];
  // The kept layer is below the root it covers: the container must not reach behind its own overlay.
  const cover: Mount[] =
    layer !== undefined && where === "/"
      ? [mount("tmpfs", layer, "nosuid", "nodev", "noexec", "ro", "size=4k")]
      : [];
  return [
    ...apiMounts(facts, around),
    ...(where === "/" ? [...HIDDEN, ...resolv, ...cover] : []),
    ...requested,
  ];
}
