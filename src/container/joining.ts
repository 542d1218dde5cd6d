/** What there is to join of a running container: its first process, its namespaces, its cgroups. */

import type { Hierarchy } from "../cgroup/detect.ts";
import type { Look } from "../host/look.ts";
import { fileKind, readLink } from "../host/path.ts";
import { errnoOf, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { NAMESPACES } from "../linux/namespace.ts";
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

/** The CLONE_NEW* flags of the namespaces in which a process is and the caller is not. */
export function namespacesOf(pid: number): number {
  let flags = 0;
  for (const { file, flag } of NAMESPACES) {
    const own = `/proc/self/ns/${file}`;
    // A kernel without this kind has one of them, of everybody.
    if (fileKind(own, { follow: false }) === undefined) continue;
    if (readLink(own) !== readLink(`/proc/${pid}/ns/${file}`)) flags |= flag;
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
  { hierarchies, own }: { readonly hierarchies: readonly Hierarchy[]; readonly own: string | undefined },
  look: Look,
): Cgroups {
  const below = wishes.map(parseBelow);
  const placed = directories.map((directory) => {
    const of = hierarchies.find(({ mount }) => directory.startsWith(`${mount}/`))?.controllers ?? [];
    const wish = below.findLast(
      ({ controllers }) => controllers.length === 0 || controllers.some((each) => of.includes(each)),
    );
    return `${directory}${wish?.path ?? ""}`;
  });
  const kind = (file: string) => (directory: string) => look("kind", `${directory}/${file}`) !== undefined;
  const tasks = placed.filter(kind("tasks"));
  const unified = placed.filter((directory) => !kind("tasks")(directory));
  for (const directory of unified) {
    if (kind("cgroup.procs")(directory)) continue;
    throw new HutchError({ operation: `enter the cgroup ${directory}`, errno: "ENOENT" });
  }
  const fallBack = wishes.length === 0 && unified.length > 0 && own !== undefined && !unified.includes(own);
  return {
    tasks: tasks.map((directory) => `${directory}/tasks`),
    unified: fallBack ? [...unified, own] : unified,
  };
}
