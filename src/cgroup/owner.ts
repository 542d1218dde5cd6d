/**
 * Handing a cgroup of version 2 to the user of the container's process, who may then make cgroups below it
 * (OCI config-linux, "Cgroup ownership"; cgroups(7), "Cgroups delegation"). Its limits stay hutch's.
 */
import { AT_EMPTY_PATH } from "../linux/fcntl.ts";
import { call } from "../plan/build.ts";
import type { Step } from "../plan/step.ts";
import type { Looks } from "./delegate.ts";
import type { Directory } from "./directory.ts";

/** The kernel's list of what may be handed over. */
const LIST = "/sys/kernel/cgroup/delegate";
/** What the specification names for a kernel that has no list. */
const FILES: readonly string[] = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
/** Of fchownat: leaves the group as it is. */
const KEEP = 0xffff_ffff;

const HINTS = { EPERM: "to give files away takes CAP_CHOWN on the host" } as const;

/** The steps that make a user of the host the owner; a file that this cgroup has not is passed over. */
export function handTo(uid: number, { text, self }: Directory, looks: Looks): Step[] {
  const why = `hand the cgroup ${text} to the user ${uid}`;
  const listed = looks.text(LIST)?.split("\n");
  const files = (listed ?? FILES).filter((name) => name !== "" && !name.includes("/"));
  return [
    call(why, "fchownat", [self, "", uid, KEEP, AT_EMPTY_PATH], { hints: HINTS }),
    ...files.map((file) =>
      call(`${why}: ${file}`, "fchownat", [self, file, uid, KEEP, 0], {
        hints: HINTS,
        errors: { ENOENT: "ignore" },
      }),
    ),
  ];
}
