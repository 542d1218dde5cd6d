/**
 * The cgroups of a file that is started on any machine: it finds out itself which version it has, and names
 * its cgroup itself. Version 1 is looked for at /sys/fs/cgroup/CONTROLLER, version 2 at /sys/fs/cgroup, where
 * every distribution mounts them; root's container lies right below, whatever cgroup the caller is in.
 */
import { CGROUP2_SUPER_MAGIC } from "../linux/magic.ts";
import { branch, buffer, call, jump, label, load, set, slot } from "../plan/build.ts";
import type { CgroupPlan } from "../plan/cgroup.ts";
import { CGROUP_MOUNT, HIERARCHY } from "../plan/hierarchy.ts";
import { GIVEN_NAME, takeOwnName } from "../plan/own-name.ts";
import type { Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import { countsV1, countsV2, eitherCount } from "./counts.ts";
import { USUAL } from "./delegate.ts";
import type { Hierarchy } from "./detect.ts";
import { ABOVE_CALLER, createBeside } from "./found-beside.ts";
import { eachOf, enterHierarchies, findHierarchies, removeHierarchies } from "./found-hierarchy.ts";
import { limits } from "./index.ts";
import { impossible, type Version } from "./limits.ts";
import { isExplicit } from "./path.ts";
import { removeDirectories } from "./remove.ts";
import { createV1, enterV1, limitV1, type Membership, membershipsV1, settingsV1 } from "./v1.ts";
import { createV2, membershipV2 } from "./v2.ts";

export interface FoundInput {
  readonly resources: Resources | undefined;
  /** linux.cgroupsPath. */
  readonly cgroupsPath: string | undefined;
  /** Whether the program is started by root. */
  readonly isRoot: boolean;
  /** The container has a mount of type cgroup. */
  readonly mountsCgroup: boolean;
  /** The process is to have a real-time policy. */
  readonly isRealtime: boolean;
  /** The program has taken a name before. */
  readonly isNamed?: boolean;
}

const MOUNT = CGROUP_MOUNT;
const VERSION_2 = slot("cgroups are version 2");
/** Version 2 beside version 1, into which init may be born too. */
const BESIDE = {
  version2: VERSION_2,
  into: slot("cgroup beside version 1"),
  intoWhen: slot("cgroup to be born into"),
};
const WHY = "look which version of cgroups there is";

/** Sets VERSION_2. struct statfs begins with f_type on both architectures. */
function detect(): Step[] {
  const status = buffer("statfs", 120);
  const type = slot("file system type");
  return [
    call(WHY, "statfs", [MOUNT, status], { hints: { ENOENT: `there is no ${MOUNT}: mount cgroups there` } }),
    load(type, status, 0, 8),
    branch(type, "ne", CGROUP2_SUPER_MAGIC, "cgroups are version 1"),
    set(VERSION_2, 1),
    label("cgroups are version 1"),
  ];
}

/** The hierarchies of version 1, one for each controller, as if each were mounted apart. */
const hierarchies = (controllers: readonly string[]): Hierarchy[] =>
  [...new Set(controllers)].map((controller) => ({
    controllers: [controller],
    mount: `${MOUNT}/${controller}`,
    own: `${MOUNT}/${controller}`,
  }));

/** Of the controllers that distributions mount together both of these can have limits. */
function joined(memberships: readonly Membership[]): Membership[] {
  const other = memberships.find(({ hierarchy }) => hierarchy.controllers[0] === "net_cls");
  return memberships.map((each) =>
    other === undefined || each.hierarchy.controllers[0] !== "net_prio"
      ? each
      : { ...each, directory: { ...each.directory, sameAs: other.directory } },
  );
}

/** What its limits are written to was made in each hierarchy. */
const inFound = (membership: Membership): Membership => ({
  ...membership,
  directory: { ...membership.directory, isThere: "found" },
});

/** Controllers that are there on every machine, for a path without limits. */
const COMMON = ["memory", "pids", "devices", "freezer"] as const;

/** What a version cannot do is known when it is found. */
const refusals = (resources: Resources, version: Version): Step[] =>
  impossible(resources, version).map((message) => ({ kind: "fail", message }));

/** What every file's plan has. */
const NOTHING = { into: undefined, directories: () => [], views: [], counts: {} } as const;

/** The caller's own cgroups are shown to a container that has none. */
function showCallers(): CgroupPlan {
  const elsewhere = { known: [], path: "", each: undefined, isRealtime: false, ...BESIDE };
  return {
    ...NOTHING,
    create: [...detect(), ...findHierarchies(elsewhere)],
    enter: [],
    remove: [],
    found: {
      version2: VERSION_2,
      above: MOUNT,
      path: HIERARCHY.path,
      isOwn: { v1: false, v2: false },
    },
  };
}

/** The plan of the cgroups; undefined when nothing is wanted of them. */
export function planFoundCgroup(input: FoundInput): CgroupPlan | undefined {
  const { resources = {}, cgroupsPath, isRoot, mountsCgroup, isRealtime, isNamed = false } = input;
  const isLimited = isExplicit(cgroupsPath) || limits(resources);
  const isEverywhere = mountsCgroup && isRoot;
  if (!isLimited && !isEverywhere) return mountsCgroup ? showCallers() : undefined;
  const settings = settingsV1(resources);
  const limited = settings.map(({ controller }) => controller);
  const controllers = limited.length > 0 ? limited : isExplicit(cgroupsPath) ? COMMON : [];
  const wanted = membershipsV1(hierarchies(controllers), settings, cgroupsPath);
  const first = isEverywhere ? wanted.map(inFound) : joined(wanted);
  const unified = { mount: MOUNT, own: MOUNT };
  const spare = isEverywhere || isExplicit(cgroupsPath) ? USUAL : [];
  const second = membershipV2(unified, resources, cgroupsPath, 0, spare);
  const isBeside = !isRoot && !isExplicit(cgroupsPath);
  const each = isEverywhere ? eachOf(cgroupsPath, GIVEN_NAME, settings) : undefined;
  const known = each === undefined ? first.map(({ directory }) => directory) : [];
  const directories = [...known, second.directory];
  const { parent, name } = second.directory;
  const path = typeof name === "string" ? `${parent}/${name}`.slice(MOUNT.length + 1) : name;
  const elsewhere = { known, path, each, isRealtime, ...BESIDE, into: second.into };
  const takesName = !isNamed && directories.some(({ name }) => name === GIVEN_NAME);
  return {
    ...NOTHING,
    create: [
      ...(takesName ? takeOwnName("take a name for the cgroup") : []),
      ...detect(),
      branch(VERSION_2, "ne", 0, "make the cgroup of version 2"),
      ...refusals(resources, "v1"),
      ...(each === undefined ? createV1(first) : []),
      ...(mountsCgroup ? findHierarchies(elsewhere) : []),
      ...(each === undefined ? [] : limitV1(first)),
      jump("cgroups made"),
      label("make the cgroup of version 2"),
      ...refusals(resources, "v2"),
      ...(isBeside ? createBeside(second) : createV2(second)),
      ...(each === undefined ? [] : [set(BESIDE.intoWhen, 1)]),
      label("cgroups made"),
    ],
    enter: [
      branch(VERSION_2, "ne", 0, "cgroups entered"),
      ...(each === undefined ? enterV1(first) : enterHierarchies(each)),
      label("cgroups entered"),
    ],
    into: second.into,
    intoWhen: each === undefined ? VERSION_2 : BESIDE.intoWhen,
    remove: each === undefined ? removeDirectories(directories) : removeHierarchies(directories, each),
    counts: eitherCount(countsV1(first), countsV2(second.directory)),
    ...(mountsCgroup
      ? {
          found: {
            version2: VERSION_2,
            above: isBeside ? ABOVE_CALLER : parent,
            path: name,
            isOwn: { v1: each !== undefined, v2: true },
          },
        }
      : {}),
  };
}
