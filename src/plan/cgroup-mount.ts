/** A mount of type cgroup: the container's own cgroups, as the host's version has them. */

import { AT_EMPTY_PATH, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from "../linux/mount.ts";
import { call, slot } from "./build.ts";
import type { CgroupView, FoundView } from "./cgroup.ts";
import { type Context, isNew } from "./context.ts";
import { makeFileSystem } from "./filesystem.ts";
import { foundCgroupMount, holdFoundViews, type Shown } from "./found-cgroup-mount.ts";
import { describe, type SortedMount } from "./mount-options.ts";
import { ROOT } from "./root.ts";
import { openSource, opensEarly, type Source } from "./source.ts";
import type { Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto, openTarget } from "./target.ts";

const SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

const VIEW = slot("view");

/**
 * The container's directory of one hierarchy: by descriptor, so that the plan need not know the container's
 * id.
 */
const viewSource = ({ index }: SortedMount, view: CgroupView): Source => ({
  ...(view.self === undefined
    ? { path: view.directory() }
    : { path: `the container's cgroup ${view.name}`, at: view.self }),
  recursive: false,
  into: VIEW,
  key: `mounts[${index}] ${view.name}`,
});

/** What a mount of type cgroup binds: nothing when a cgroup namespace gives it a view of its own. */
export const cgroupSources = (context: Context, sorted: SortedMount): Source[] =>
  sorted.mount.type === "cgroup" && sorted.options.bind === undefined && !isNew(context, "cgroup")
    ? (context.cgroup?.views ?? []).map((view) => viewSource(sorted, view))
    : [];

/** How a file comes by what it mounts. */
const shownIn = (context: Context, found: FoundView, sorted: SortedMount): Shown => ({
  why: describe(sorted),
  key: `mounts[${sorted.index}]`,
  found,
  view: isNew(context, "cgroup") ? "new" : opensEarly(context) ? "held" : "bind",
});

/** In the launcher of a file: opens the container's directories where init may not look for them. */
export function openFoundEarly(context: Context, mounts: readonly SortedMount[]): Step[] {
  const found = context.cgroup?.found;
  if (found === undefined) return [];
  return mounts
    .filter(({ mount, options }) => mount.type === "cgroup" && options.bind === undefined)
    .flatMap((sorted) => holdFoundViews(shownIn(context, found, sorted)));
}

/**
 * One hierarchy, detached, in `into`; without a cgroup namespace the container's directory is bound
 * instead.
 */
function makeView(
  context: Context,
  why: string,
  sorted: SortedMount,
  view: CgroupView,
  attributes: number,
): Step[] {
  const into = VIEW;
  if (isNew(context, "cgroup")) {
    return makeFileSystem(why, { type: view.type, source: "cgroup", data: view.options, attributes, into });
  }
  return [
    ...openSource(context, why, viewSource(sorted, view)),
    call(why, "mount_setattr", [into, "", AT_EMPTY_PATH, mountAttr({ set: attributes }), MOUNT_ATTR_SIZE]),
  ];
}

/**
 * On v2 one mount; on v1 and hybrid a tmpfs with a directory per hierarchy and a link per co-mounted
 * controller.
 */
export function cgroupMount(context: Context, sorted: SortedMount): Step[] {
  const { mount, options, index } = sorted;
  const why = describe(sorted);
  const views = context.cgroup?.views ?? [];
  const target = slot("target");
  const made = slot("mount");
  const attributes = options.attributes.set | SAFE;
  const onto = openTarget(context, why, ROOT, {
    path: mount.destination,
    kind: "directory",
    into: target,
    tag: `mounts[${index}]`,
  });
  const found = context.cgroup?.found;
  if (found !== undefined) {
    const shown = shownIn(context, found, sorted);
    return [...onto, ...foundCgroupMount(shown, target, { attributes, safe: SAFE })];
  }
  const [only] = views;
  if (views.length === 1 && only?.name === "") {
    return [...makeView(context, why, sorted, only, attributes), ...onto, moveOnto(why, VIEW, target)];
  }
  const place = slot("cgroup directory");
  return [
    ...makeFileSystem(why, {
      type: "tmpfs",
      source: "cgroup",
      data: ["mode=755"],
      attributes: SAFE,
      into: made,
    }),
    ...onto,
    moveOnto(why, made, target),
    ...views.flatMap((each) => [
      call(why, "mkdirat", [made, each.name, 0o755]),
      call(why, "openat", [made, each.name, O_PATH | O_CLOEXEC, 0], { into: place }),
      ...makeView(context, `${why}: ${each.name}`, sorted, each, attributes),
      moveOnto(why, VIEW, place),
      ...(each.name.includes(",")
        ? each.name.split(",").map((link) => call(why, "symlinkat", [each.name, made, link]))
        : []),
    ]),
    ...((attributes & MOUNT_ATTR_RDONLY) !== 0
      ? [
          call(why, "mount_setattr", [
            made,
            "",
            AT_EMPTY_PATH,
            mountAttr({ set: MOUNT_ATTR_RDONLY }),
            MOUNT_ATTR_SIZE,
          ]),
        ]
      : []),
  ];
}
