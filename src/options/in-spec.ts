/** From the options of `hutch in` to an OCI spec and the wishes that OCI has no words for. Pure. */

import { PLAIN } from "../container/plan.ts";
import { HutchError } from "../linux/error.ts";
import { NAMESPACES, type NamespaceType } from "../linux/namespace.ts";
import type { Filter, Host, Launch } from "../plan/context.ts";
import { defaultSpec } from "../spec/default.ts";
import type { Cpu, Memory } from "../spec/resources.ts";
import type { Namespace, Resources, Seccomp, Spec } from "../spec/spec.ts";
import { all, type Given, has, last, usageError } from "./given.ts";
import { inMounts } from "./in-mounts.ts";
import { parseWhole, refuse } from "./number.ts";
import { absoluteSource } from "./source.ts";
import {
  parseBytes,
  parseCapability,
  parseCpuList,
  parseCpus,
  parseJoin,
  parseMap,
  parseNamespace,
  parsePair,
  parseRlimit,
  parseSeconds,
  parseUser,
} from "./value.ts";

/** A profile of the user's, or hutch's own as a compiled filter; neither when it is off. */
export interface ChosenSeccomp {
  readonly profile: Seccomp | undefined;
  readonly filter: Filter | undefined;
}

/** What a command line is read with. */
export interface Surroundings {
  readonly host: Host;
  /** The caller's directory. */
  readonly here: string;
  /** The absolute path of WHERE, symlinks resolved. */
  readonly where: string;
  /** The absolute path of the layer of --overlay=DIR. */
  readonly layer: string | undefined;
  /** Mount points of the host below WHERE that are worth showing. */
  readonly submounts: readonly string[];
  /** The file that /etc/resolv.conf leads to, when a fresh /run would hide it. */
  readonly resolver: string | undefined;
  /** What --seccomp asks for. */
  readonly seccomp: ChosenSeccomp;
}

/**
 * What a container's root may do when nobody says otherwise: what package managers and servers need, without
 * the making of device nodes (MKNOD).
 */
const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_SETFCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_AUDIT_WRITE",
];

/** On the host's network raw sockets could listen to everybody. */
const NOT_ON_SHARED_NETWORK = "CAP_NET_RAW";

function parseAdded(text: string, mine: (() => bigint) | undefined): readonly string[] {
  const names = parseCapability("cap-add", text);
  if (names.length === 1 || mine === undefined) return names;
  const available = mine();
  return names.filter((_, number) => ((available >> BigInt(number)) & 1n) === 1n);
}

/** The bounding set that the options ask for. */
export function capabilitiesOf(
  given: Given,
  namespaces: readonly Namespace[],
  host: Host,
): readonly string[] {
  const sharesNetwork = !namespaces.some(({ type }) => type === "network");
  const drop = all(given, "cap-drop").flatMap((text) => parseCapability("cap-drop", text));
  // A user namespace gives every capability over itself; else "all" is what the caller has to give.
  const mine = namespaces.some(({ type }) => type === "user") ? undefined : host.bounding;
  const add = all(given, "cap-add").flatMap((text) => parseAdded(text, mine));
  const start = DEFAULT_CAPABILITIES.filter((name) => !sharesNetwork || name !== NOT_ON_SHARED_NETWORK);
  return [...new Set([...start.filter((name) => !drop.includes(name)), ...add])];
}

/** A root of its own takes a mount namespace of its own; the time is the host's in any case. */
const UNSHARED: readonly NamespaceType[] = ["mount", "time"];

/** --share and --join: which namespaces the container has, new or joined. */
export function namespacesOf(given: Given, host: Host): Namespace[] {
  const shared = all(given, "share")
    .flatMap((text) => text.split(","))
    .map((word) => parseNamespace("share", word, (type) => !UNSHARED.includes(type)));
  const joined = new Map<NamespaceType, string>();
  for (const text of all(given, "join").flatMap((each) => each.split(","))) {
    joined.set(...parseJoin("join", text));
  }
  const mapped = all(given, "uid-map").length + all(given, "gid-map").length > 0;
  const wanted: Readonly<Record<NamespaceType, boolean>> = {
    user: host.uid !== 0 || mapped,
    cgroup: true,
    ipc: true,
    uts: true,
    network: true,
    pid: true,
    mount: true,
    time: false,
  };
  if (shared.includes("mount")) throw usageError("in", "--share mnt: the root of a container is its own");
  if (shared.includes("user") && host.uid !== 0) {
    throw usageError("in", "--share user: an ordinary user needs a user namespace of the container's own");
  }
  return NAMESPACES.flatMap(({ type }) => {
    const path = joined.get(type);
    if (path !== undefined) return [{ type, path }];
    return wanted[type] && !shared.includes(type) ? [{ type }] : [];
  });
}

function workdirOf(given: Given, { where, here }: Surroundings): string {
  const directory = last(given, "workdir") ?? "/";
  if (directory.startsWith("/")) return directory;
  const meant = where === "/" ? absoluteSource(directory, here) : absoluteSource(directory, "/");
  return refuse("workdir", directory, `an absolute path in the container, such as ${meant}`);
}

/** The id maps of a new user namespace: those given, or the caller's one id as the command's user. */
function mapsOf(given: Given, { host }: Surroundings, uid: number, gid: number) {
  const uids = all(given, "uid-map").map((text) => parseMap("uid-map", text));
  const gids = all(given, "gid-map").map((text) => parseMap("gid-map", text));
  if (uids.length === 0 && gids.length === 0) {
    return {
      uidMappings: [{ containerID: uid, hostID: host.uid, size: 1 }],
      gidMappings: [{ containerID: gid, hostID: host.gid, size: 1 }],
    };
  }
  // A user map alone is meant for groups too, as unshare(1) --map-users with --map-groups would be.
  return {
    uidMappings: uids.length === 0 ? gids : uids,
    gidMappings: gids.length === 0 ? uids : gids,
  };
}

function memoryOf(given: Given): Memory | undefined {
  const [text, both] = [last(given, "memory"), last(given, "memory-swap")];
  if (text === undefined) {
    if (both === undefined) return undefined;
    throw usageError(given.command, "--memory-swap: expected --memory too");
  }
  const limit = parseBytes("memory", text);
  const swap = both === undefined ? undefined : parseBytes("memory-swap", both);
  if (swap === undefined) return { limit };
  if (swap >= limit) return { limit, swap };
  throw usageError(given.command, `--memory-swap ${both}: expected at least --memory (${text})`);
}

function cpuOf(given: Given): Cpu | undefined {
  const [cpus, cpuset] = [last(given, "cpus"), last(given, "cpuset")];
  if (cpus === undefined && cpuset === undefined) return undefined;
  return {
    ...(cpus === undefined ? {} : parseCpus("cpus", cpus)),
    ...(cpuset === undefined ? {} : { cpus: parseCpuList("cpuset", cpuset) }),
  };
}

function resourcesOf(given: Given): Resources | undefined {
  const [memory, cpu, pids] = [memoryOf(given), cpuOf(given), last(given, "pids")];
  if (memory === undefined && cpu === undefined && pids === undefined) return undefined;
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pids === undefined ? {} : { pids: { limit: parseWhole("pids", pids, 1) } }),
  };
}

export interface Wanted {
  readonly spec: Spec;
  readonly launch: Omit<Launch, "id">;
}

/**
 * Reads `hutch in [options] WHERE COMMAND…` for a command with the environment `env`; throws a
 * HutchError.
 */
export function readIn(given: Given, around: Surroundings, env: readonly string[]): Wanted {
  const { where, host } = around;
  const args = given.words.slice(1);
  const [command] = args;
  if (command === undefined)
    throw usageError(
      given.command,
      "expected a command after WHERE",
      `hutch ${given.command} ${where} -- sh`,
    );
  if (command.startsWith("-")) throw usageError("in", `${command} after WHERE: options stand before it`);
  const { uid, gid = 0 } = parseUser("user", last(given, "user") ?? "0:0");
  const namespaces = namespacesOf(given, host);
  const owns = (type: NamespaceType): boolean =>
    namespaces.some((namespace) => namespace.type === type && namespace.path === undefined);
  const leaves = (type: NamespaceType): boolean => namespaces.some((namespace) => namespace.type === type);
  const capabilities = capabilitiesOf(given, namespaces, host);
  const resources = resourcesOf(given);
  const { profile, filter } = around.seccomp;
  const sysctl = all(given, "sysctl").map((text) => parsePair("sysctl", text));
  const hostname = last(given, "hostname") ?? (owns("uts") ? "hutch" : undefined);
  if (hostname === "") throw usageError("in", "--hostname: expected a name");
  const defaults = defaultSpec();
  const overlaid = has(given, "overlay");
  const isHost = where === "/";
  const hidden = inMounts(given, around, { owns, leaves, limited: resources !== undefined });
  // Ambient capabilities let a command that is not root use what it was granted.
  const granted = uid === 0 ? capabilities : all(given, "cap-add").length > 0 ? capabilities : [];
  const spec: Spec = {
    ociVersion: defaults.ociVersion,
    root: { path: where, readonly: has(given, "read-only") || (isHost && !overlaid) },
    ...(hostname === undefined ? {} : { hostname }),
    mounts: hidden,
    process: {
      terminal: has(given, "tty"),
      user: { uid, gid },
      args,
      env: [...env],
      cwd: workdirOf(given, around),
      capabilities: {
        bounding: [...capabilities],
        permitted: [...granted],
        effective: [...granted],
        inheritable: uid === 0 ? [] : [...granted],
        ambient: uid === 0 ? [] : [...granted],
      },
      rlimits: all(given, "rlimit").map((text) => parseRlimit("rlimit", text)),
      noNewPrivileges: true,
    },
    linux: {
      namespaces,
      ...(owns("user") ? mapsOf(given, around, uid, gid) : {}),
      ...(resources === undefined ? {} : { resources }),
      ...(profile === undefined ? {} : { seccomp: profile }),
      ...(sysctl.length === 0 ? {} : { sysctl: Object.fromEntries(sysctl) }),
      maskedPaths: defaults.linux?.maskedPaths ?? [],
      readonlyPaths: defaults.linux?.readonlyPaths ?? [],
    },
  };
  return {
    spec,
    launch: {
      ...PLAIN,
      init: has(given, "init"),
      dieWithParent: has(given, "die-with-parent"),
      dieWithLauncher: true,
      reports: has(given, "report"),
      filter,
      givenEnvironment: true,
      timeout: has(given, "timeout") ? parseSeconds("timeout", last(given, "timeout") ?? "") : 0,
      readonlyTree: isHost && !overlaid,
      nodev: true,
      submounts: isHost || overlaid ? around.submounts : undefined,
      overlay: overlaid ? overlayOf(around, host) : undefined,
    },
  };
}

function overlayOf({ layer, where }: Surroundings, host: Host): Launch["overlay"] {
  if (layer === where) {
    throw new HutchError({
      operation: `--overlay=${layer}`,
      reason: "the layer cannot be the root itself",
      hint: "mkdir layer; --overlay=layer",
    });
  }
  if (layer !== undefined && host.kind(layer) !== "directory") {
    throw new HutchError({
      operation: `--overlay=${layer}`,
      errno: host.kind(layer) === undefined ? "ENOENT" : "ENOTDIR",
      hint: `mkdir -p ${layer}`,
    });
  }
  return {
    directory: layer,
    inside: layer?.startsWith(where === "/" ? "/" : `${where}/`) === true,
  };
}
