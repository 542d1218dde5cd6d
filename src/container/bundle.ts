/** Reading an OCI bundle: a directory with config.json and, usually, the root (OCI bundle.md). */

import type { Look } from "../host/look.ts";
import { capabilityNumber } from "../linux/capability.ts";
import { HutchError } from "../linux/error.ts";
import type { Host, Launch } from "../plan/context.ts";
import { isBindMount } from "../spec/mount.ts";
import { parseSpecText } from "../spec/parse.ts";
import type { Mount, Spec } from "../spec/spec.ts";
import { refuseUnsupported } from "../spec/supported.ts";
import { PLAIN } from "./plan.ts";

/** A relative source is looked for in the bundle (OCI config.md, "Mounts"). */
const mountsOf = ({ mounts }: Spec, bundle: string): Mount[] =>
  (mounts ?? []).map((mount) =>
    isBindMount(mount) && mount.source !== undefined && !mount.source.startsWith("/")
      ? { ...mount, source: `${bundle}/${mount.source}` }
      : mount,
  );

/** A mount namespace that is joined is as somebody else has made it. */
function warnOfJoined({ linux, mounts }: Spec, warn: (line: string) => void): void {
  const joined = linux?.namespaces?.find(({ type, path }) => type === "mount" && path);
  if (joined === undefined) return;
  const left = Object.entries({
    mounts,
    "linux.devices": linux?.devices,
    "linux.maskedPaths": linux?.maskedPaths,
    "linux.readonlyPaths": linux?.readonlyPaths,
  }).flatMap(([name, list]) => (list?.length ? [name] : []));
  const rest = left.length === 0 ? "" : `; ${left.join(", ")}: not applied`;
  warn(`the mount namespace ${joined.path} is joined as it is${rest}`);
}

/**
 * Throws a HutchError for a bundle that an ordinary user cannot start: whatever it came to first would be
 * refused by the kernel, and say nothing of the reason.
 */
export function requireUserNamespace({ linux }: Spec, { uid }: Host, look: Look): void {
  if (uid === 0 || linux?.namespaces?.some(({ type }) => type === "user")) return;
  const effective = BigInt(`0x${look("effective") ?? "0"}`);
  if ((effective >> BigInt(capabilityNumber("SYS_ADMIN") ?? 0)) & 1n) return;
  throw new HutchError({
    operation: "linux.namespaces",
    reason: "an ordinary user needs a user namespace of the container's own",
    hint: "hutch spec --rootless writes a config.json with one",
  });
}

/**
 * The spec of a bundle, its root made absolute; `warn` hears what the spec wants to be said but not
 * refused.
 */
export function loadBundle(
  directory: string,
  look: Look,
  warn?: (line: string) => void,
  config?: string,
): { spec: Spec; launch: Omit<Launch, "id">; bundle: string; text: string } {
  const what = look("kind", directory);
  const bundle = what === "directory" ? look("real", directory) : undefined;
  if (bundle === undefined) {
    throw new HutchError({
      operation: `bundle ${directory}`,
      errno: what === undefined ? "ENOENT" : "ENOTDIR",
      hint: "a bundle is a directory",
    });
  }
  const path = config ?? `${bundle}/config.json`;
  const text = look("text", path);
  if (text === undefined) {
    throw new HutchError({
      operation: `read ${path}`,
      errno: "ENOENT",
      hint: "hutch spec writes a default one",
    });
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  const spec = parseSpecText(text, warn === undefined ? { name } : { name, warn });
  refuseUnsupported(spec, name);
  if (warn !== undefined) warnOfJoined(spec, warn);
  const root = spec.root?.path ?? "rootfs";
  const absolute = root.startsWith("/") ? root : `${bundle}/${root}`;
  const kind = look("kind", absolute);
  if (kind !== "directory") {
    throw new HutchError({
      operation: `root.path ${absolute}`,
      errno: kind === undefined ? "ENOENT" : "ENOTDIR",
      hint: "put the container's files there",
    });
  }
  if (spec.process === undefined) {
    throw new HutchError({
      operation: path,
      reason: "process: expected an object (there is nothing to run)",
    });
  }
  // The root may be a symlink of the host's; the plan opens what it leads to now.
  return {
    spec: {
      ...spec,
      mounts: mountsOf(spec, bundle),
      root: { ...spec.root, path: look("real", absolute) ?? absolute },
    },
    launch: PLAIN,
    bundle,
    text,
  };
}
