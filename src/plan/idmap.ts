/** Filling in the id maps of a new user namespace (user_namespaces(7)). */
import { AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import type { IdMapping } from "../spec/spec.ts";
import { buffer, bytes, call, label, slot, writeFile } from "./build.ts";
import type { Context } from "./context.ts";
import { runHelper } from "./idmap-helper.ts";
import { writeOwnMap } from "./own-map.ts";
import type { Buffer, Slot, Step } from "./step.ts";

const PIPE = buffer("sync pipe", 8);
const READ_END = slot("sync read");
const WRITE_END = slot("sync write");
const MAP_FILE = slot("map");

const HINTS = {
  EPERM: "the map must lie in the caller's own ids; an ordinary user may map one id, its own",
  EINVAL: "mappings must not overlap, and every host id must be mapped in the parent namespace",
} as const;

/** The text of a uid_map or gid_map: one line a range, `inside outside count`. */
export const mapText = (mappings: readonly IdMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** The container id that a host id appears as; undefined when the map leaves it out. */
export function toContainer(mappings: readonly IdMapping[], hostID: number): number | undefined {
  const range = mappings.find((map) => hostID >= map.hostID && hostID < map.hostID + map.size);
  return range === undefined ? undefined : range.containerID + (hostID - range.hostID);
}

/** True when a container id is mapped. */
export const isMapped = (mappings: readonly IdMapping[], id: number): boolean =>
  mappings.some((map) => id >= map.containerID && id < map.containerID + map.size);

/**
 * True when the new namespace's first process may write its maps itself: one id each, its own (the rule for
 * callers without CAP_SETUID in the parent namespace).
 */
export function mapsItself({ spec, host }: Context): boolean {
  const uids = spec.linux?.uidMappings ?? [];
  const gids = spec.linux?.gidMappings ?? [];
  const [uid] = uids;
  const [gid] = gids;
  return (
    host.uid !== 0 &&
    uids.length === 1 &&
    gids.length === 1 &&
    uid?.size === 1 &&
    gid?.size === 1 &&
    uid.hostID === host.uid &&
    gid.hostID === host.gid
  );
}

/**
 * True when setgroups is denied in the new namespace: so it must be for a caller who maps the own group
 * alone, and newgidmap sees to it.
 */
export function deniesGroups({ spec, host, launch }: Context): boolean {
  if (launch.deniesGroups) return true;
  const [gid, ...more] = spec.linux?.gidMappings ?? [];
  return host.uid !== 0 && more.length === 0 && gid?.size === 1 && gid.hostID === host.gid;
}

/**
 * In the first process of the namespace: setgroups is denied first, else gid_map is refused
 * (CVE-2014-8989).
 */
export function writeOwnMaps({ spec, launch }: Context): Step[] {
  const to = (why: string, file: string, text: string) =>
    writeFile(why, AT_FDCWD, `/proc/self/${file}`, text, {
      flags: O_WRONLY | O_CLOEXEC,
      into: MAP_FILE,
      hints: HINTS,
    });
  const deny = to("deny setgroups, as a group map of one's own needs", "setgroups", "deny");
  if (launch.standalone !== undefined) {
    const { uidMappings: [uid] = [], gidMappings: [gid] = [] } = spec.linux ?? {};
    return [
      ...deny,
      ...writeOwnMap("uid", uid?.containerID ?? 0, HINTS),
      ...writeOwnMap("gid", gid?.containerID ?? 0, HINTS),
    ];
  }
  return [
    ...deny,
    ...to("map the user ids", "uid_map", mapText(spec.linux?.uidMappings ?? [])),
    ...to("map the group ids", "gid_map", mapText(spec.linux?.gidMappings ?? [])),
  ];
}

/** Before the clone: the pipe on which the child waits until its ids are mapped. */
export const openSync = (): Step[] => [
  call("a pipe on which the child waits for its ids", "pipe2", [PIPE, O_CLOEXEC]),
  { kind: "load", into: READ_END, from: PIPE, offset: 0, size: 4 },
  { kind: "load", into: WRITE_END, from: PIPE, offset: 4, size: 4 },
];

/**
 * In the child: waits for the byte that says that the ids are mapped; the end of the pipe is the parent's
 * death.
 */
export function awaitMaps(): Step[] {
  const why = "wait until the ids are mapped";
  const got = slot("sync bytes");
  return [
    call(why, "close", [WRITE_END]),
    call(why, "read", [READ_END, buffer("sync byte", 8), 1], { into: got }),
    { kind: "branch", left: got, is: "eq", right: 1, to: "ids are mapped" },
    call("the launcher died before the ids were mapped", "exit_group", [125]),
    label("ids are mapped"),
    call(why, "close", [READ_END]),
  ];
}

/** In the parent: fills in the maps of a child and lets it go on; a failure goes on at `undo`. */
export function writeMaps(context: Context, child: Slot, undo: string): Step[] {
  const name = buffer("pid text", 24);
  const { uidMappings = [], gidMappings = [] } = context.spec.linux ?? {};
  return [
    call("the child keeps its end of the pipe", "close", [READ_END]),
    { kind: "decimal", to: name, value: child },
    ...(context.host.uid === 0
      ? writeThem(context, name)
      : [
          ...runHelper(context, "uid", name, uidMappings, undo),
          ...runHelper(context, "gid", name, gidMappings, undo),
        ]),
    call("let the child go on", "write", [WRITE_END, bytes(new Uint8Array([1]), "1"), 1]),
    call("let the child go on", "close", [WRITE_END]),
  ];
}

/** Into the child's /proc directory, whose name `name` holds. */
function writeThem({ spec }: Context, name: Buffer): Step[] {
  const proc = slot("proc");
  const directory = slot("proc pid");
  const to = (why: string, file: string, text: string) =>
    writeFile(why, directory, file, text, { flags: O_WRONLY | O_CLOEXEC, into: MAP_FILE, hints: HINTS });
  const find = "find the child in /proc";
  return [
    call(find, "openat", [AT_FDCWD, "/proc", O_PATH | O_CLOEXEC, 0], { into: proc }),
    call(find, "openat", [proc, name, O_RDONLY | O_CLOEXEC, 0], { into: directory }),
    ...to("map the user ids", "uid_map", mapText(spec.linux?.uidMappings ?? [])),
    ...to("map the group ids", "gid_map", mapText(spec.linux?.gidMappings ?? [])),
  ];
}
