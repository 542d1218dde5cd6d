/** Which cgroup hierarchies this machine has mounted, and where in them hutch itself is (cgroups(7)). */

/** One hierarchy of version 1. */
export interface Hierarchy {
  /** As /proc/self/cgroup lists them: ["cpu", "cpuacct"]; a hierarchy without controllers has a name: ["name=systemd"]. */
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
export const isWithin = (path: string, directory: string): boolean =>
  directory === "/" || path === directory || path.startsWith(`${directory}/`);

export const isNamed = (controller: string): boolean => controller.startsWith("name=");

/** From the texts of /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup (cgroups(7)). */
export function detectCgroups(mountinfo: string, selfCgroup: string): CgroupHost {
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  const visible = mounts.filter((mount) => mount.type.startsWith("cgroup") && !isHidden(mount, mounts));
  const hierarchies: Hierarchy[] = [];
  let unified: Unified | undefined;
  for (const [, number, list = "", path = ""] of selfCgroup.matchAll(/^(\d+):(.*?):(\/.*)$/gm)) {
    const isUnified = number === "0" && list === "";
    const controllers = isUnified ? [] : list.split(",");
    const type = isUnified ? "cgroup2" : "cgroup";
    const place = locate(
      visible.filter((mount) => mount.type === type && controllers.every((it) => mount.options.includes(it))),
      path,
    );
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

const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function parseMount(line: string): Mount[] {
  const fields = line.split(" ");
  const [id, parent, , root, point] = fields;
  // Any number of optional fields ends at a lone hyphen.
  const end = fields.indexOf("-", 6);
  const type = fields[end + 1];
  if (end < 0 || !id || !parent || !root || !point || !type) return [];
  return [
    {
      id,
      parent,
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      type,
      options: (fields[end + 3] ?? "").split(","),
    },
  ];
}

/** True when something was mounted later on the mount point, or on a directory above it. */
function isHidden(mount: Mount, mounts: readonly Mount[]): boolean {
  const line = new Set<string>();
  let above: Mount | undefined = mount;
  while (above !== undefined && !line.has(above.id)) {
    line.add(above.id);
    const { parent }: Mount = above;
    above = mounts.find(({ id }) => id === parent);
  }
  return mounts.some(
    (other) => !line.has(other.id) && line.has(other.parent) && isWithin(mount.point, other.point),
  );
}

/** Of several mounts of one hierarchy the one that shows hutch's own cgroup and the most besides. */
function locate(mounts: readonly Mount[], path: string): Unified | undefined {
  // A path with ".." lies outside of the cgroup namespace.
  const shows = ({ root }: Mount): boolean => isWithin(path, root) && !path.split("/").includes("..");
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
