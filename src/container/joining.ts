/** What there is to join of a running container: its first process, its namespaces, its cgroups. */

import type { CgroupHost } from "../cgroup/detect.ts";
import { errnoOf, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD } from "../linux/fcntl.ts";
import { NAMESPACES, type NamespaceType } from "../linux/namespace.ts";
import { type Identity, isAlive } from "./identity.ts";

const notRunning = (id: string): HutchError =>
  new HutchError({ operation: `exec in ${id}`, reason: "container not running" });

/**
 * A pidfd of that very process: opened first and compared then, so that the number cannot pass to another in
 * between.
 */
export function openInit(id: string, init: Identity): number {
  const fd = syscall("pidfd_open", init.pid, 0);
  if (failed(fd) && errnoOf(fd) === "ESRCH") throw notRunning(id);
  if (failed(fd)) throw syscallError(`open a pidfd of ${init.pid}`, fd);
  if (!isAlive(init)) throw notRunning(id);
  return fd;
}

/** Where a link of /proc leads; undefined when there is none. */
function linkOf(path: string): string | undefined {
  // "network:[4026531840]" is far shorter.
  const bytes = new Uint8Array(new ArrayBuffer(64));
  const length = syscall("readlinkat", AT_FDCWD, path, bytes, bytes.length);
  if (!failed(length)) return new TextDecoder().decode(bytes.subarray(0, length));
  if (errnoOf(length) === "ENOENT") return undefined;
  throw syscallError(`read the link ${path}`, length);
}

/**
 * The CLONE_NEW* flags of the namespaces in which a process is and the caller is not. Those that were `made` for
 * the container need no look, except for a user namespace, which cannot be joined by who is in it.
 */
export function namespacesOf(pid: number, made: readonly NamespaceType[] = []): number {
  let flags = 0;
  for (const { type, file, flag } of NAMESPACES) {
    if (type !== "user" && made.includes(type)) flags |= flag;
    else {
      // A kernel without this kind has one of them, of everybody.
      const own = linkOf(`/proc/self/ns/${file}`);
      if (own !== undefined && own !== linkOf(`/proc/${pid}/ns/${file}`)) flags |= flag;
    }
  }
  return flags;
}

/** The cgroups to enter, as a plan takes them. */
export interface Cgroups {
  readonly tasks: readonly string[];
  readonly unified: readonly string[];
}

/** One value of --cgroup: where below the container's cgroup, and in which hierarchies (all when empty). */
interface Below {
  readonly controllers: readonly string[];
  readonly path: string;
}

function parseBelow(text: string): Below {
  const colon = text.indexOf(":");
  const names = text
    .slice(colon + 1)
    .split("/")
    .filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new HutchError({ operation: `--cgroup ${text}`, reason: "leads out of the container's cgroup" });
  }
  const controllers = colon < 0 ? [] : text.slice(0, colon).split(",");
  return { controllers, path: names.map((name) => `/${name}`).join("") };
}

/**
 * The cgroups of a container, and of those of --cgroup the ones below them. `own` is what the first process is
 * in by now, of version 2: an init that shares controllers out has moved itself into a cgroup below.
 */
export function cgroupsToEnter(
  directories: readonly string[],
  wishes: readonly string[],
  { hierarchies }: CgroupHost,
  own: string | undefined,
): Cgroups {
  const below = wishes.map(parseBelow);
  const tasks: string[] = [];
  const unified: string[] = [];
  for (const directory of directories) {
    const v1 = hierarchies.find(({ mount }) => directory.startsWith(`${mount}/`));
    const wish = below.findLast(
      ({ controllers }) =>
        controllers.length === 0 || controllers.some((each) => v1?.controllers.includes(each)),
    );
    const path = `${directory}${wish?.path ?? ""}`;
    if (v1 === undefined) unified.push(path);
    else tasks.push(`${path}/tasks`);
  }
  const fallBack = wishes.length === 0 && unified.length > 0 && own !== undefined && !unified.includes(own);
  return { tasks, unified: fallBack ? [...unified, own] : unified };
}
