/** The cgroups of a container, as steps: made before it is born, entered by it, removed after it. */
import { HutchError } from "../linux/error.ts";
import type { CgroupPlan, CgroupView } from "../plan/cgroup.ts";
import type { Resources } from "../spec/resources.ts";
import { countsV1, countsV2 } from "./counts.ts";
import { controllersIn, type Looks } from "./delegate.ts";
import { type CgroupHost, type Hierarchy, isNamed, type Unified } from "./detect.ts";
import { devicePolicy } from "./device-rule.ts";
import { type Directory, directory, makeAncestor, makeDirectory, takeName } from "./directory.ts";
import { newSettings, refuseImpossible } from "./limits.ts";
import { handTo } from "./owner.ts";
import { isExplicit, placeCgroup } from "./path.ts";
import { removeDirectories } from "./remove.ts";
import { freezerOf } from "./take.ts";
import { createV1, enterV1, type Membership, membershipsV1, settingsV1, type Task } from "./v1.ts";
import { checkV2, createV2, membershipV2 } from "./v2.ts";

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
  /** None may be made (--cgroup-manager=disabled). */
  readonly isDisabled?: boolean;
  /** The process is to have a real-time policy, for which a new cgroup of version 1 has no time. */
  readonly isRealtime?: boolean;
  /** Of version 2: the user of the host who is to own the container's cgroup, if it is not root's. */
  readonly owner?: number;
  /** For version 2; without them nothing is known of the machine's controllers. */
  readonly looks?: Looks;
  /** Systemd has made the cgroup, and this thread, who has been born in another, is to be in it. */
  readonly systemd?: { readonly member: Task };
}

const BLIND: Looks = { text: () => undefined, isWritable: () => true };

const EMPTY: Omit<CgroupPlan, "views"> = {
  create: [],
  enter: [],
  into: undefined,
  remove: [],
  counts: {},
  directories: () => [],
};

/**
 * The plan of a container's cgroups; undefined when nothing is wanted of them. Without limits and without
 * an explicit path none is made, unless root's container mounts cgroups: it would see, and maybe write to,
 * those of its caller. Throws HutchError when a limit cannot be kept on this machine, or a path leads out
 * of the tree.
 */
export function planCgroup(input: CgroupInput): CgroupPlan | undefined {
  const { host, resources = {}, cgroupsPath, mountsCgroup, uid, isManaged = false } = input;
  refuseImpossible(resources, host.version === "v2" ? "v2" : "v1");
  if (input.isDisabled) return planNone(input);
  const isAsked = asks(input);
  const isWanted = isAsked || ((isManaged || (mountsCgroup && uid === 0)) && host.version !== "none");
  if (!isWanted && !mountsCgroup) return undefined;
  if (isAsked && host.version === "none") {
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

/** Without any: a mount of cgroups shows the caller's own. */
function planNone({ host, resources = {}, mountsCgroup }: CgroupInput): CgroupPlan | undefined {
  if (limits(resources)) {
    throw new HutchError({
      operation: "limit the container's resources",
      reason: "cgroups are disabled",
      hint: "leave linux.resources out (device rules count too), or --cgroup-manager=disabled",
    });
  }
  if (!mountsCgroup) return undefined;
  const { unified, version } = host;
  if (version !== "v2") return { ...EMPTY, views: viewsV1(host, () => "", NOWHERE) };
  return {
    ...EMPTY,
    views:
      unified === undefined
        ? []
        : [
            viewV2(
              shownOf(unified.own, () => "", false),
              "",
            ),
          ],
  };
}

/** True when the description itself wants a cgroup. */
const asks = ({ cgroupsPath, resources = {} }: CgroupInput): boolean =>
  isExplicit(cgroupsPath) || limits(resources);

/** True when there is something to write. */
export const limits = (resources: Resources): boolean =>
  newSettings(resources, "v1").length > 0 ||
  newSettings(resources, "v2").length > 0 ||
  devicePolicy(resources.devices) !== undefined;

/** True for a container that is to be found by its cgroups, limits or not, and may be updated later. */
const isFound = ({ isManaged = false, cgroupsPath, mountsCgroup, uid }: CgroupInput): boolean =>
  isManaged || isExplicit(cgroupsPath) || (mountsCgroup && uid === 0);

/** The container's cgroup in a version 2 without controllers: for what each cgroup of it can do by itself. */
function besideV1(unified: Unified | undefined, cgroupsPath: string | undefined) {
  if (unified === undefined) return undefined;
  const place = placeCgroup({ mount: unified.mount, relative: unified.own }, cgroupsPath);
  return { directory: directory("unified", place, freezerOf("v2")), ancestors: place.ancestors };
}

function planV1(input: CgroupInput, isWanted: boolean): CgroupPlan {
  const { host, resources = {}, cgroupsPath, id, isRealtime = false, systemd } = input;
  const everywhere = isFound(input) && (input.uid === 0 || input.isManaged === true);
  const wanted = isWanted
    ? membershipsV1(host.hierarchies, settingsV1(resources), cgroupsPath, { everywhere, isRealtime })
    : [];
  // Not in all hierarchies: systemd knows some controllers only.
  const memberships = systemd === undefined ? wanted : wanted.map((each) => there(each, "perhaps"));
  if (asks(input) && memberships.length === 0) {
    throw new HutchError({
      operation: `make the cgroup ${cgroupsPath}`,
      reason: "no controller of cgroup v1 is mounted",
    });
  }
  const beside = everywhere ? besideV1(host.unified, cgroupsPath) : undefined;
  const unified = beside === undefined || systemd === undefined ? beside : there(beside, "perhaps");
  const directories = [
    ...memberships.map((each) => each.directory),
    ...(unified === undefined ? [] : [unified.directory]),
  ];
  return {
    create: [
      ...takeName(directories),
      ...createV1(memberships),
      ...(unified === undefined
        ? []
        : [...unified.ancestors.map(makeAncestor), ...makeDirectory(unified.directory)]),
    ],
    enter: enterV1(memberships, systemd?.member),
    into: unified?.directory.self,
    remove: removeDirectories(directories),
    counts: countsV1(memberships),
    directories: () => directories.map((each) => pathOf(each, id)),
    views: viewsV1(host, id, {
      memberships,
      beside: unified?.directory,
      everywhere,
      isOpen: systemd === undefined,
    }),
  };
}

function planV2(input: CgroupInput, isWanted: boolean): CgroupPlan {
  const { host, resources = {}, cgroupsPath, id, uid, owner, looks = BLIND, systemd } = input;
  const { unified } = host;
  if (unified === undefined) return { ...EMPTY, views: [] };
  if (!isWanted)
    return {
      ...EMPTY,
      views: [
        viewV2(
          shownOf(unified.own, () => "", false),
          "",
        ),
      ],
    };
  const spare = isFound(input) ? controllersIn(looks, unified.mount) : [];
  const wanted = membershipV2(unified, resources, cgroupsPath, uid, spare);
  const membership = systemd === undefined ? wanted : there(wanted, "always");
  checkV2(membership, looks);
  return {
    create: [
      ...takeName([membership.directory]),
      ...createV2(membership),
      ...(owner === undefined ? [] : handTo(owner, membership.directory, looks)),
    ],
    enter: [],
    into: membership.into,
    remove: removeDirectories([membership.directory]),
    counts: countsV2(membership.directory),
    directories: () => [pathOf(membership.directory, id)],
    views: [viewV2(shownOf(membership.directory, id, systemd === undefined), "")],
  };
}

/** A membership in a cgroup that is not ours to make. */
const there = <Each extends { readonly directory: Directory }>(
  membership: Each,
  isThere: "always" | "perhaps",
): Each => ({ ...membership, directory: { ...membership.directory, isThere } });

/** Of a container that is in no cgroup of its own. */
const NOWHERE: Shown = { memberships: [], beside: undefined, everywhere: false, isOpen: false };

/** Where a directory lies, for what is looked up by path. */
const pathOf = ({ parent, name }: Directory, id: () => string): string =>
  `${parent}/${typeof name === "string" ? name : `hutch-${id()}`}`;

/** What a mount shows of a directory: of the container's own by its descriptor, if `create` opens it. */
function shownOf(shown: Directory | string, id: () => string, isOpen: boolean) {
  if (typeof shown === "string") return { directory: () => shown };
  return { directory: () => pathOf(shown, id), ...(isOpen ? { self: shown.self } : {}) };
}

const viewV2 = (shown: Pick<CgroupView, "directory" | "self">, name: string): CgroupView => ({
  name,
  type: "cgroup2",
  options: [],
  ...shown,
});

const lastName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A hierarchy has the name of its directory on the host, unless others have the same. */
function viewName({ controllers, mount }: Hierarchy, all: readonly Hierarchy[]): string {
  const name = lastName(mount);
  const isUnique = all.filter((other) => lastName(other.mount) === name).length === 1;
  return isUnique ? name : controllers.join(",").replace("name=", "");
}

interface Shown {
  readonly memberships: readonly Membership[];
  /** Of version 2 beside version 1. */
  readonly beside: Directory | undefined;
  /** The container is in all hierarchies that matter, and is not shown others. */
  readonly everywhere: boolean;
  /** The directories are open before init is born. */
  readonly isOpen: boolean;
}

function viewsV1(host: CgroupHost, id: () => string, shown: Shown): CgroupView[] {
  const { memberships, beside, everywhere, isOpen } = shown;
  const views = host.hierarchies.flatMap((hierarchy): readonly CgroupView[] => {
    const { controllers, own } = hierarchy;
    const membership = memberships.find((each) => each.hierarchy === hierarchy);
    if (membership === undefined && everywhere) return [];
    return [
      {
        name: viewName(hierarchy, host.hierarchies),
        type: "cgroup",
        options: controllers.every(isNamed) ? ["none", ...controllers] : controllers,
        ...shownOf(membership?.directory ?? own, id, isOpen),
      },
    ];
  });
  const { unified } = host;
  if (unified === undefined) return views;
  return [...views, viewV2(shownOf(beside ?? unified.own, id, isOpen), lastName(unified.mount))];
}
