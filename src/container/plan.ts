/** From a checked spec to the plan of a container on this machine. */
import { planCgroup } from "../cgroup/index.ts";
import type { Look } from "../host/look.ts";
import { type Context, type Filter, type Host, type Launch, makeContext } from "../plan/context.ts";
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
  nodev: false,
  submounts: undefined,
  preserveFds: 0,
  dieWithLauncher: false,
  creates: false,
  filter: undefined,
  givenEnvironment: false,
};

/** The plan; everything that can be refused is refused here, before the first side effect. */
export async function planFor(spec: Spec, host: Host, launch: Launch, look: Look): Promise<Plan> {
  const mountsCgroup = (spec.mounts ?? []).some(({ type }) => type === "cgroup");
  const resources = spec.linux?.resources;
  const cgroupsPath = spec.linux?.cgroupsPath;
  // Reading the host's cgroups costs time that a container without limits need not spend.
  const cgroup =
    mountsCgroup || resources !== undefined || cgroupsPath !== undefined
      ? planCgroup({
          host: gatherCgroups(look),
          resources,
          cgroupsPath,
          id: launch.id,
          uid: host.uid,
          mountsCgroup,
        })
      : undefined;
  const filter = launch.filter ?? (await compileFilter(spec, host));
  const context: Context = makeContext(spec, host, { ...launch, filter }, cgroup);
  return planContainer(context);
}

/** The filter of linux.seccomp. The compiler and its tables are loaded by those alone who need them. */
async function compileFilter({ linux }: Spec, { arch }: Host): Promise<Filter | undefined> {
  if (linux?.seccomp === undefined) return undefined;
  const { compileSeccomp } = await import("../plan/seccomp.ts");
  return compileSeccomp(linux.seccomp, arch);
}
