/** A writable layer over a read-only root (overlayfs). */
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import { MNT_DETACH, MOUNT_ATTR_NODEV, MOVE_MOUNT_F_EMPTY_PATH } from "../linux/mount.ts";
import { call, slot } from "./build.ts";
import type { Overlay } from "./context.ts";
import { type Context, isNew, withoutMknod } from "./context.ts";
import { makeFileSystem } from "./filesystem.ts";
import { openSource, type Source } from "./source.ts";
import { toldPath } from "./standalone.ts";
import type { Slot, Step } from "./step.ts";

/** The directory of the kept layer, as a source; undefined for a throw-away layer. */
export const layerSource = ({ launch }: Context): Source | undefined =>
  launch.overlay?.directory === undefined
    ? undefined
    : { path: launch.overlay.directory, recursive: true, into: slot("layer"), key: "layer" };

const makeDirectory = (why: string, name: string, kept = false): Step =>
  call(why, "mkdirat", [AT_FDCWD, name, 0o755], kept ? { errors: { EEXIST: "ignore" } } : {});

const attach = (why: string, mount: Slot, name: string): Step[] => [
  makeDirectory(why, name),
  call(why, "move_mount", [mount, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH]),
];

/**
 * In a mount namespace of an ordinary user's the host's mounts are locked together (mount_namespaces(7)):
 * overlayfs cannot take the mount that they lie on for a layer, because that would uncover what is below
 * them.
 */
function refuseLocked(context: Context): void {
  const { spec, host, launch } = context;
  const path = spec.root?.path ?? "/";
  const hasMounts = path === "/" || (launch.submounts ?? []).length > 0;
  if (host.uid === 0 || !isNew(context, "user") || !hasMounts) return;
  throw new HutchError({
    operation: `--overlay ${path}`,
    reason: "an ordinary user cannot put a layer over a directory in which the host has mounts",
    hint: "run as root, or use a directory without mounts in it",
  });
}

const HERE = slot("directory of this program");
const BACK = "go back to the directory of this program";
/** Opened in init's own mount namespace: only from there mounts can be cloned. */
const holdHere = call(BACK, "openat", [AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0], { into: HERE });
const goBack = [call(BACK, "fchdir", [HERE]), call(BACK, "close", [HERE])];

/**
 * Builds the overlay in a tmpfs that covers "/" for as long as the root is being made. The layers are
 * attached there under short names, because overlayfs takes paths, in which commas, colons and long names
 * would have to be escaped.
 */
export function overlayRoot(context: Context, overlay: Overlay, tree: Slot, into: Slot): Step[] {
  refuseLocked(context);
  const stage = slot("stage");
  const lower = slot("lower");
  const layer = layerSource(context);
  const why = "cover the root with a writable layer";
  const openLayer = `open the layer ${toldPath(context, layer?.path ?? "")}`;
  const directory = layer === undefined ? "" : "layer/";
  const kept = layer !== undefined;
  const isRelative = context.launch.standalone?.directory !== undefined;
  // In a user namespace overlayfs may not use trusted.* attributes.
  const userxattr = withoutMknod(context) ? ["userxattr"] : [];
  return [
    ...makeFileSystem(why, {
      type: "tmpfs",
      source: "hutch",
      data: ["mode=755"],
      attributes: 0,
      into: stage,
    }),
    call(why, "move_mount", [stage, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH]),
    // From the caller's directory, in which a file of --relative looks for its paths.
    ...(layer === undefined ? [] : openSource(context, openLayer, layer)),
    ...(isRelative ? [holdHere] : []),
    call(why, "fchdir", [stage]),
    ...attach(why, tree, "lower"),
    ...(layer === undefined ? [] : attach(openLayer, layer.into, "layer")),
    makeDirectory(why, `${directory}upper`, kept),
    makeDirectory(why, `${directory}work`, kept),
    ...(overlay.inside
      ? [
          makeDirectory(why, "empty"),
          ...makeFileSystem("wrap the root, because the layer lies inside it", {
            type: "overlay",
            source: "hutch",
            data: ["lowerdir=lower:empty", ...userxattr],
            attributes: 0,
            into: lower,
          }),
          ...attach("wrap the root, because the layer lies inside it", lower, "wrapped"),
        ]
      : []),
    ...makeFileSystem(why, {
      type: "overlay",
      source: "hutch",
      data: [
        `lowerdir=${overlay.inside ? "wrapped" : "lower"}`,
        `upperdir=${directory}upper`,
        `workdir=${directory}work`,
        ...userxattr,
      ],
      attributes: MOUNT_ATTR_NODEV,
      into,
    }),
    // The overlay holds its layers by itself; what stayed here would end up on top of the container's root.
    call("let go of the place where the layers were put together", "umount2", [".", MNT_DETACH]),
    ...(isRelative ? goBack : []),
  ];
}
