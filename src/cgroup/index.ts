/** The cgroups of a container, as steps: made before it is born, entered by it, removed after it. */
import { HutchError } from "../linux/error.ts";
import type { CgroupPlan, CgroupView } from "../plan/cgroup.ts";
import type { Resources } from "../spec/resources.ts";
import { type CgroupHost, type Hierarchy, isNamed } from "./detect.ts";
import { devicePolicy } from "./device-rule.ts";
import { type Directory, takeName } from "./directory.ts";
import { isExplicit } from "./path.ts";
import { removeDirectories } from "./remove.ts";
import { createV1, enterV1, type Membership, membershipsV1, settingsV1 } from "./v1.ts";
import { createV2, type MembershipV2, membershipV2, settingsV2 } from "./v2.ts";

export interface CgroupInput {
  readonly host: CgroupHost;
  readonly resources: Resources | undefined;
  /** linux.cgroupsPath. */
  readonly cgroupsPath: string | undefined;
  /** The container's; the program is given its cgroup's name, `hutch-<id>`, as its first argument. */
  readonly id: () => string;
  /** The effective user. */
  readonly uid: number;
  /** The container has a mount of type cgroup. */
  readonly mountsCgroup: boolean;
  /** The container is to be paused, counted and killed by its cgroup: it is in every usual one. */
  readonly isManaged?: boolean;
}

const EMPTY: Omit<CgroupPlan, "views"> = {
  create: [],
  enter: [],
  into: undefined,
  remove: [],
  directories: () => [],
};

/**
 * The plan of a container's cgroups; undefined when nothing is wanted of them. Without limits and without
 * an explicit path none is made. Throws HutchError when a limit cannot be kept on this machine, or a path
 * leads out of the tree.
 */
export function planCgroup(input: CgroupInput): CgroupPlan | undefined {
  const { host, resources = {}, cgroupsPath, mountsCgroup, isManaged = false } = input;
  const isWanted = isExplicit(cgroupsPath) || limits(resources) || (isManaged && host.version !== "none");
  if (!isWanted && !mountsCgroup) return undefined;
  if (isWanted && host.version === "none") {
    throw new HutchError({
      operation: isExplicit(cgroupsPath)
        ? `make the cgroup ${cgroupsPath}`
        : "limit the container's resources",
      reason: "no cgroup file system is mounted",
      hint: "mount -t cgroup2 cgroup2 /sys/fs/cgroup, or leave linux.resources and linux.cgroupsPath out",
    });
  }
  return host.version === "v2" ? planV2(input, isWanted) : planV1(input, isWanted);
}

/** True when there is something to write. */
export const limits = (resources: Resources): boolean =>
  settingsV2(resources).length > 0 || devicePolicy(resources.devices) !== undefined;

function planV1(input: CgroupInput, isWanted: boolean): CgroupPlan {
  const { host, resources = {}, cgroupsPath, id, isManaged = false } = input;
  const memberships = isWanted
    ? membershipsV1(host.hierarchies, settingsV1(resources), cgroupsPath, isManaged)
    : [];
  if (isWanted && memberships.length === 0) {
    throw new HutchError({
      operation: `make the cgroup ${cgroupsPath}`,
      reason: "no controller of cgroup v1 is mounted",
    });
  }
  const directories = memberships.map(({ directory }) => directory);
  return {
    create: [...takeName(directories), ...createV1(memberships)],
    enter: enterV1(memberships),
    into: undefined,
    remove: removeDirectories(directories),
    directories: () => directories.map((each) => pathOf(each, id)),
    views: viewsV1(host, memberships, id),
  };
}

function planV2(input: CgroupInput, isWanted: boolean): CgroupPlan {
  const { host, resources = {}, cgroupsPath, id, uid, isManaged } = input;
  const { unified } = host;
  if (unified === undefined) return { ...EMPTY, views: [] };
  if (!isWanted) return { ...EMPTY, views: [viewV2(() => unified.own, "")] };
  const membership: MembershipV2 = membershipV2(unified, resources, cgroupsPath, uid, isManaged);
  return {
    create: [...takeName([membership.directory]), ...createV2(membership)],
    enter: [],
    into: membership.into,
    remove: removeDirectories([membership.directory]),
    directories: () => [pathOf(membership.directory, id)],
    views: [viewV2(() => pathOf(membership.directory, id), "")],
  };
}

/** Where a directory lies, for what is looked up by path. */
const pathOf = ({ parent, name }: Directory, id: () => string): string =>
  `${parent}/${typeof name === "string" ? name : `hutch-${id()}`}`;

const viewV2 = (directory: () => string, name: string): CgroupView => ({
  name,
  type: "cgroup2",
  options: [],
  directory,
});

const lastName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A hierarchy has the name of its directory on the host, unless others have the same. */
function viewName({ controllers, mount }: Hierarchy, all: readonly Hierarchy[]): string {
  const name = lastName(mount);
  const isUnique = all.filter((other) => lastName(other.mount) === name).length === 1;
  return isUnique ? name : controllers.join(",").replace("name=", "");
}

function viewsV1(host: CgroupHost, memberships: readonly Membership[], id: () => string): CgroupView[] {
  const views = host.hierarchies.map((hierarchy): CgroupView => {
    const { controllers, own } = hierarchy;
    const membership = memberships.find((each) => each.hierarchy === hierarchy);
    return {
      name: viewName(hierarchy, host.hierarchies),
      type: "cgroup",
      options: controllers.every(isNamed) ? ["none", ...controllers] : controllers,
      directory: () => (membership === undefined ? own : pathOf(membership.directory, id)),
    };
  });
  const { unified } = host;
  return unified === undefined ? views : [...views, viewV2(() => unified.own, lastName(unified.mount))];
}
