/** The mounts of the spec, each made detached and moved onto a target that was resolved inside the root. */

import { HutchError } from "../linux/error.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE, RESOLVE_NO_SYMLINKS } from "../linux/fcntl.ts";
import { call, slot } from "./build.ts";
import { cgroupMount } from "./cgroup-mount.ts";
import type { Context } from "./context.ts";
import { copyUp } from "./copy-up.ts";
import { makeFileSystem } from "./filesystem.ts";
import { idmapSlot } from "./idmap-mount.ts";
import { labelOption, labelRoot } from "./lsm.ts";
import { type Attributes, describe, type SortedMount, sortOptions } from "./mount-options.ts";
import { ROOT } from "./root.ts";
import { mapIds, openSource, type Source } from "./source.ts";
import { toldPath } from "./standalone.ts";
import type { Slot, Step } from "./step.ts";
import { MOUNT_ATTR_SIZE, mountAttr } from "./struct.ts";
import { moveOnto, openTarget } from "./target.ts";

export const sortMounts = (context: Context): SortedMount[] =>
  (context.spec.mounts ?? []).map((mount, index) => ({
    index,
    mount,
    options: sortOptions(mount, index),
    told: toldPath(context, mount.source ?? ""),
  }));

/** The source of a bind mount; undefined for a new file system. */
export function bindSource({ mount, options, index }: SortedMount): Source | undefined {
  if (options.bind === undefined) return undefined;
  return {
    path: mount.source ?? "",
    recursive: options.bind.recursive,
    into: slot("mount"),
    key: `mounts[${index}]`,
    ...(options.idmap === undefined
      ? {}
      : { idmap: { namespace: idmapSlot(index), recursive: options.idmap.recursive } }),
  };
}

/**
 * procfs and sysfs must lie where they are looked for: through a symlink an image could have another place of
 * the container shown as /proc, and writes meant for the kernel go astray (CVE-2019-16884, CVE-2023-27561).
 */
const NO_SYMLINKS: readonly string[] = ["proc", "sysfs"];

const SYMLINK_HINT = {
  ELOOP: "the image has a symlink in the way; proc and sysfs are mounted on plain directories only",
};

const KIND_HINT = { EINVAL: "a file can be bound on a file only, a directory on a directory only" };

const setAttributes = (why: string, mount: Slot, { set, clear }: Attributes, recursive: boolean): Step[] =>
  set === 0 && clear === 0
    ? []
    : [
        call(
          why,
          "mount_setattr",
          [
            mount,
            "",
            AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
            mountAttr({ set, clear }),
            MOUNT_ATTR_SIZE,
          ],
          { hints: { EPERM: "a flag that the host has locked on the source cannot be taken away" } },
        ),
      ];

/** All the steps of one mount. */
function mountSteps(context: Context, sorted: SortedMount): Step[] {
  const { mount, options, index } = sorted;
  if (mount.type === "cgroup" && options.bind === undefined) return cgroupMount(context, sorted);
  const why = describe(sorted);
  const made = slot("mount");
  const target = slot("target");
  const source = bindSource(sorted);
  const type = mount.type ?? "none";
  const make =
    source !== undefined
      ? [...openSource(context, why, source), ...setAttributes(why, made, options.attributes, false)]
      : [
          ...makeFileSystem(why, {
            type,
            source: mount.source ?? type,
            data: [...options.data, ...labelOption(context, type)],
            attributes: options.attributes.set,
            into: made,
          }),
          ...labelRoot(context, why, made, type),
          ...(options.idmap === undefined
            ? []
            : [mapIds(why, made, { namespace: idmapSlot(index), recursive: false })]),
        ];
  return [
    ...make,
    ...setAttributes(why, made, options.recursiveAttributes, true),
    ...openTarget(context, why, ROOT, {
      path: mount.destination,
      kind: source === undefined ? "directory" : sourceKind(context, sorted, source.path),
      into: target,
      tag: `mounts[${index}]`,
      ...(NO_SYMLINKS.includes(type) ? { resolve: RESOLVE_NO_SYMLINKS, hints: SYMLINK_HINT } : {}),
    }),
    moveOnto(why, made, target, { hints: source === undefined ? {} : KIND_HINT }),
    ...(options.copyUp ? copyUp(context, why, { mount: made, target }) : []),
    ...options.propagation.map(({ flag, recursive }) =>
      call(
        why,
        "mount_setattr",
        [
          made,
          "",
          AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
          mountAttr({ propagation: flag }),
          MOUNT_ATTR_SIZE,
        ],
        {},
      ),
    ),
  ];
}

/**
 * Whether a bind needs a directory or a file to lie on; a source that is not there is refused before
 * anything.
 */
function sourceKind({ host }: Context, { index }: SortedMount, path: string): "directory" | "file" {
  const kind = host.kind(path);
  if (kind !== undefined) return kind;
  throw new HutchError({
    operation: `mounts[${index}].source ${path}`,
    errno: "ENOENT",
    hint: "a bind needs a source",
  });
}

export const mountAll = (context: Context, mounts: readonly SortedMount[]): Step[] =>
  mounts.flatMap((mount) => mountSteps(context, mount));
