/** What the planner must know of this machine. */
import { type CgroupHost, detectCgroups } from "../cgroup/detect.ts";
import { isInitialMap, parseIdMap } from "../host/facts.ts";
import { hostArch } from "../host/libc.ts";
import type { Look } from "../host/look.ts";
import type { Host } from "../plan/context.ts";

function nofileOf(answer: string | undefined): Host["nofile"] {
  const [soft, hard] = answer?.split(":") ?? [];
  return soft === undefined || hard === undefined ? undefined : { soft: BigInt(soft), hard: BigInt(hard) };
}

/**
 * Whether a security module is on, as the kernel shows it; SELinux is of use only when its file system is
 * mounted. By the content of files, for which the entry program can ask too (see keep-joiner.ts).
 */
const SECURITY_MODULES = {
  apparmor: (look: Look) => look("text", "/sys/module/apparmor/parameters/enabled")?.trim() === "Y",
  selinux: (look: Look) => look("text", "/sys/fs/selinux/enforce") !== undefined,
} as const;

/** What a path is. */
export const kindOf =
  (look: Look): Host["kind"] =>
  (path) => {
    const kind = look("kind", path);
    if (kind === undefined) return undefined;
    return kind === "directory" ? "directory" : "file";
  };

/** The capabilities that the caller may hand on. */
export const boundingOf =
  (look: Look): Host["bounding"] =>
  () =>
    BigInt(`0x${look("bounding") ?? "0"}`);

/** The facts that every plan needs. */
export function gatherHost(look: Look): Host {
  return {
    arch: hostArch(),
    uid: Number(look("user")),
    gid: Number(look("group")),
    nested: !isInitialMap(parseIdMap(look("uidMap") ?? "")),
    kind: kindOf(look),
    bounding: boundingOf(look),
    hasSecurityModule: (module) => SECURITY_MODULES[module](look),
    nofile: nofileOf(look("nofile")),
  };
}

/** How this machine's cgroups are laid out. */
export const gatherCgroups = (look: Look): CgroupHost =>
  detectCgroups(look("cgroupMounts") ?? "", look("cgroups") ?? "");
