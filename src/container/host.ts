/** Gathers what the planner must know of this machine. */

import type { CgroupHost } from "../cgroup/detect.ts";
import { detectCgroups } from "../cgroup/detect.ts";
import { inheritedNofile } from "../host/exec.ts";
import { effectiveGroup, effectiveUser, isInitialMap, uidMap } from "../host/facts.ts";
import { readText } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import { fileKind } from "../host/path.ts";
import type { Host } from "../plan/context.ts";

/** The facts that every plan needs. */
export function gatherHost(): Host {
  return {
    arch: hostArch(),
    uid: effectiveUser(),
    gid: effectiveGroup(),
    nested: !isInitialMap(uidMap()),
    kind: (path) => {
      const kind = fileKind(path);
      return kind === undefined || kind === "directory" ? kind : "file";
    },
    nofile: inheritedNofile(),
  };
}

/** How this machine's cgroups are laid out. */
export const gatherCgroups = (): CgroupHost =>
  detectCgroups(readText("/proc/self/mountinfo"), readText("/proc/self/cgroup"));
