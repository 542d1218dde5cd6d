/** Device nodes and links of /dev (OCI config-linux, "Default Devices" and "Devices"). */
import { DEFAULT_DEVICE_LINKS, DEFAULT_DEVICES } from "../linux/device.ts";
import { DEVICE_TYPE_MODES, makedev } from "../linux/stat.ts";
import { isBindMount } from "../spec/mount.ts";
import type { Device } from "../spec/spec.ts";
import { call, slot } from "./build.ts";
import { type Context, withoutMknod } from "./context.ts";
import { ROOT } from "./root.ts";
import { openSource, type Source } from "./source.ts";
import type { Step } from "./step.ts";
import { moveOnto, openTarget } from "./target.ts";

const DEV = slot("dev");
const TARGET = slot("target");

interface Node {
  readonly path: string;
  readonly type: "c" | "b" | "u" | "p";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const fromSpec = ({ path, type, major, minor, fileMode, uid, gid }: Device): Node => ({
  path,
  type,
  major: major ?? 0,
  minor: minor ?? 0,
  mode: (fileMode ?? 0o666) & 0o7777,
  uid: uid ?? 0,
  gid: gid ?? 0,
});

/** The default devices, without those that linux.devices describes itself, and then linux.devices. */
function nodes({ spec }: Context): Node[] {
  const own = (spec.linux?.devices ?? []).map(fromSpec);
  const defaults = DEFAULT_DEVICES.filter(({ path }) => !own.some((node) => node.path === path)).map(
    (node) => ({
      ...node,
      uid: 0,
      gid: 0,
    }),
  );
  return [...defaults, ...own];
}

/**
 * What kind of /dev the mounts give: a fresh tmpfs, one of the host's (nothing may be made in it), or the
 * image's.
 */
function devKind({ spec }: Context): "fresh" | "host" | "image" {
  const mount = (spec.mounts ?? []).findLast(({ destination }) => /^\/dev\/*$/.test(destination));
  if (mount === undefined) return "image";
  return mount.type === "tmpfs" && !isBindMount(mount) ? "fresh" : "host";
}

const nodeSource = ({ path }: Node): Source => ({
  path,
  recursive: false,
  into: slot("device"),
  key: `device ${path}`,
});

/**
 * Device nodes that are bound from the host, because mknod is not allowed or the image may hold a
 * forgery.
 */
function boundNodes(context: Context): Node[] {
  const kind = devKind(context);
  if (kind === "host") return [];
  const bindAll = withoutMknod(context);
  const isDefault = (node: Node): boolean => DEFAULT_DEVICES.some(({ path }) => path === node.path);
  return nodes(context).filter(
    (node) => node.type !== "p" && (bindAll || (kind === "image" && isDefault(node))),
  );
}

/** Sources that the launcher must open when it opens any. */
export const deviceSources = (context: Context): Source[] => boundNodes(context).map(nodeSource);

function bindNode(context: Context, node: Node): Step[] {
  const why = `bind the device ${node.path}`;
  const source = nodeSource(node);
  return [
    ...openSource(context, why, source),
    ...openTarget(context, why, ROOT, { path: node.path, kind: "file", into: TARGET, tag: why }),
    moveOnto(why, source.into, TARGET),
  ];
}

function makeNode(context: Context, node: Node): Step[] {
  const why = `make the device ${node.path} (${node.type} ${node.major}:${node.minor})`;
  const type = DEVICE_TYPE_MODES[node.type];
  const slash = node.path.lastIndexOf("/");
  const name = node.path.slice(slash + 1);
  const inDev = node.path.slice(0, slash) === "/dev";
  const directory = inDev ? DEV : TARGET;
  return [
    ...(inDev
      ? []
      : openTarget(context, why, ROOT, {
          path: node.path.slice(0, slash) || "/",
          kind: "directory",
          into: TARGET,
          tag: why,
        })),
    call(why, "mknodat", [directory, name, type | node.mode, makedev(node.major, node.minor)], {
      hints: {
        EEXIST: "the image has a file there; leave the device out, or mount a tmpfs on /dev",
        EPERM: "making devices takes CAP_MKNOD on the host",
      },
    }),
    ...(node.uid === 0 && node.gid === 0
      ? []
      : [call(why, "fchownat", [directory, name, node.uid, node.gid, 0x100])]),
  ];
}

/** Fills /dev. The umask is 0 by now, so that modes are what they say. */
export function makeDevices(context: Context): Step[] {
  if (devKind(context) === "host") return [];
  const bound = boundNodes(context);
  const made = nodes(context).filter((node) => !bound.some(({ path }) => path === node.path));
  const links = DEFAULT_DEVICE_LINKS.filter(
    (link) => !("when" in link) || context.host.kind(link.when) !== undefined,
  );
  const why = "open the container's /dev";
  return [
    ...openTarget(context, why, ROOT, { path: "/dev", kind: "directory", into: DEV, tag: "dev" }),
    ...made.flatMap((node) => makeNode(context, node)),
    ...bound.flatMap((node) => bindNode(context, node)),
    ...links.map(({ path, target }) =>
      call(`link ${path} to ${target}`, "symlinkat", [target, DEV, path.slice("/dev/".length)], {
        errors: { EEXIST: "ignore" },
      }),
    ),
  ];
}
