/** From a checked spec to the plan of a container on this machine. */
import { planCgroup } from "../cgroup/index.ts";
import { type Context, type Host, type Launch, makeContext } from "../plan/context.ts";
import { planContainer } from "../plan/order.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";
import { gatherCgroups } from "./host.ts";

/** Wishes as OCI knows them: none beyond config.json. */
export const PLAIN: Omit<Launch, "id"> = {
  executable: undefined,
  init: false,
  dieWithParent: false,
  timeout: 0,
  overlay: undefined,
  readonlyTree: false,
  submounts: undefined,
  preserveFds: 0,
  dieWithLauncher: false,
};

/** The plan; everything that can be refused is refused here, before the first side effect. */
export function planFor(spec: Spec, host: Host, launch: Launch): Plan {
  const mountsCgroup = (spec.mounts ?? []).some(({ type }) => type === "cgroup");
  const resources = spec.linux?.resources;
  const cgroupsPath = spec.linux?.cgroupsPath;
  // Reading the host's cgroups costs time that a container without limits need not spend.
  const cgroup =
    mountsCgroup || resources !== undefined || cgroupsPath !== undefined
      ? planCgroup({
          host: gatherCgroups(),
          resources,
          cgroupsPath,
          id: launch.id,
          uid: host.uid,
          mountsCgroup,
        })
      : undefined;
  const context: Context = makeContext(spec, host, launch, cgroup);
  return planContainer(context);
}
