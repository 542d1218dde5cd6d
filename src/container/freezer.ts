/** Freezing a container by its cgroup: the freezer of version 1, cgroup.freeze of version 2. */
import { readTextIfExists } from "../host/fd.ts";

/** True when one of the container's cgroups is frozen, or on its way. */
export function isFrozen(cgroups: readonly string[]): boolean {
  for (const directory of cgroups) {
    const v1 = readTextIfExists(`${directory}/freezer.state`)?.trim();
    if (v1 === "FROZEN" || v1 === "FREEZING") return true;
    if (readTextIfExists(`${directory}/cgroup.freeze`)?.trim() === "1") return true;
  }
  return false;
}
