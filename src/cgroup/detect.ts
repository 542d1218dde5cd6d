/** Which cgroup hierarchies this machine has mounted, and where in them hutch itself is (cgroups(7)). */
import { unescapeOctal } from "../linux/octal.ts";

/** One hierarchy of version 1. */
export interface Hierarchy {
  /**
   * As /proc/self/cgroup lists them: ["cpu", "cpuacct"]; a hierarchy without controllers has a name:
   * ["name=systemd"].
   */
  readonly controllers: readonly string[];
  readonly mount: string;
  /** The directory of hutch's own cgroup; `mount` when it is not to be seen there. */
  readonly own: string;
}

/** The hierarchy of version 2; the fields are those of Hierarchy. */
export type Unified = Omit<Hierarchy, "controllers">;

export interface CgroupHost {
  /** "hybrid": controllers are on version 1, and version 2 is there without them. */
  readonly version: "v1" | "hybrid" | "v2" | "none";
  /** Of version 1, in the order of /proc/self/cgroup; empty in "v2" and "none". */
  readonly hierarchies: readonly Hierarchy[];
  /** Present in "hybrid" and "v2". */
  readonly unified?: Unified;
}

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** Options of the file system, which name the controllers. */
  readonly options: readonly string[];
}

/** True when `path` is `directory` or lies below it. */
const isWithin = (path: string, directory: string): boolean =>
  directory === "/" ||
  (path.startsWith(directory) && (path.length === directory.length || path[directory.length] === "/"));

export const isNamed = (controller: string): boolean => controller.startsWith("name=");

/** From the texts of /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup (cgroups(7)). */
export function detectCgroups(mountinfo: string, selfCgroup: string): CgroupHost {
  const mounts = new Map<string, Mount>();
  for (const line of mountinfo.split("\n")) {
    const mount = parseMount(line);
    if (mount !== undefined) mounts.set(mount.id, mount);
  }
  const visible: Mount[] = [];
  for (const mount of mounts.values()) {
    if (mount.type.startsWith("cgroup") && !isHidden(mount, mounts)) visible.push(mount);
  }
  const hierarchies: Hierarchy[] = [];
  let unified: Unified | undefined;
  for (const line of selfCgroup.split("\n")) {
    // Number, controllers and path; a path may contain colons.
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (first < 0 || second < 0) continue;
    const list = line.slice(first + 1, second);
    const path = line.slice(second + 1);
    const isUnified = list === "" && line.startsWith("0:");
    const controllers = isUnified ? [] : list.split(",");
    const type = isUnified ? "cgroup2" : "cgroup";
    const shown = visible.filter((mount) => mount.type === type && has(mount, controllers));
    const place = locate(shown, path);
    if (place === undefined) continue;
    if (isUnified) unified = place;
    else hierarchies.push({ controllers, ...place });
  }
  const hasControllers = hierarchies.some(({ controllers }) => !controllers.every(isNamed));
  if (unified === undefined) return { version: hierarchies.length > 0 ? "v1" : "none", hierarchies };
  // A named hierarchy beside version 2 is there for old programs, and limits nothing.
  return hasControllers
    ? { version: "hybrid", hierarchies, unified }
    : { version: "v2", hierarchies: [], unified };
}

const has = ({ options }: Mount, controllers: readonly string[]): boolean =>
  controllers.every((controller) => options.includes(controller));

function parseMount(line: string): Mount | undefined {
  const fields = line.split(" ");
  // By index: to take an array apart by a pattern is slow before the code is compiled.
  const id = fields[0];
  const parent = fields[1];
  const root = fields[3];
  const point = fields[4];
  // Any number of optional fields ends at a lone hyphen.
  const end = fields.indexOf("-", 6);
  const type = fields[end + 1];
  if (end < 0 || !id || !parent || !root || !point || !type) return undefined;
  const options = (fields[end + 3] ?? "").split(",");
  return { id, parent, root: unescapeOctal(root), point: unescapeOctal(point), type, options };
}

/** True when something was mounted later on the mount point, or on a directory above it. */
function isHidden(mount: Mount, mounts: ReadonlyMap<string, Mount>): boolean {
  const line: string[] = [];
  let up: Mount | undefined = mount;
  while (up !== undefined && !line.includes(up.id)) {
    line.push(up.id);
    up = mounts.get(up.parent);
  }
  for (const other of mounts.values()) {
    if (isWithin(mount.point, other.point) && !line.includes(other.id) && line.includes(other.parent)) {
      return true;
    }
  }
  return false;
}

/** Of several mounts of one hierarchy the one that shows hutch's own cgroup and the most besides. */
function locate(mounts: readonly Mount[], path: string): Unified | undefined {
  // A path with ".." lies outside of the cgroup namespace.
  const isOutside = path.includes("/..") && path.split("/").includes("..");
  const shows = ({ root }: Mount): boolean => !isOutside && isWithin(path, root);
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (best === undefined) best = mount;
    else if (shows(mount) !== shows(best)) best = shows(mount) ? mount : best;
    else if (mount.root.length < best.root.length) best = mount;
  }
  if (best === undefined) return undefined;
  const { root, point } = best;
  const rest = shows(best) ? path.slice(root === "/" ? 0 : root.length) : "";
  return { mount: point, own: rest === "/" ? point : point + rest };
}
