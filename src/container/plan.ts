/** From a checked spec to the plan of a container on this machine. */
import { type CgroupInput, planCgroup } from "../cgroup/index.ts";
import type { Manager, UnitPlan } from "../cgroup/systemd.ts";
import type { Look } from "../host/look.ts";
import type { CgroupPlan } from "../plan/cgroup.ts";
import { type Context, type Host, type Launch, makeContext } from "../plan/context.ts";
import { ownHooks } from "../plan/hook-state.ts";
import { planContainer } from "../plan/order.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";
import { cgroupOwner } from "./cgroup-owner.ts";
import { compileFilter } from "./filter.ts";
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
  cgroups: undefined,
  deniesGroups: false,
  supervises: false,
  noPivot: false,
  keepKeyring: false,
  sendsPidfd: false,
  notes: undefined,
  reports: false,
  followed: false,
  bundle: undefined,
  filter: undefined,
  givenEnvironment: false,
};

/** The plan; everything that can be refused is refused here, before the first side effect. */
export const planFor = async (spec: Spec, host: Host, launch: Launch, look: Look): Promise<Plan> =>
  planContainer(await contextFor(spec, host, launch, look));

/** The policies that cgroups of version 1 give time to (CONFIG_RT_GROUP_SCHED). */
const REALTIME: readonly string[] = ["SCHED_FIFO", "SCHED_RR"];

/** An ordinary user may seldom make cgroups, and has none unless they are asked for. */
const isAlways = ({ cgroups }: Launch, { uid }: Host): boolean =>
  cgroups === undefined ? uid === 0 : cgroups === "always";

/** All that a plan is made from; `given` is a cgroup that has been planned already. */
export async function contextFor(
  spec: Spec,
  host: Host,
  launch: Launch,
  look: Look,
  given?: CgroupPlan,
): Promise<Context> {
  if (launch.standalone !== undefined) return standaloneContext(spec, host, launch);
  const isWanted = given === undefined && wantsCgroup(spec, launch);
  const cgroup = isWanted ? planCgroup(cgroupInput(spec, host, launch, look)) : given;
  const filter = launch.filter ?? (await compileFilter(spec, host));
  return makeContext(spec, host, { ...launch, filter }, cgroup);
}

/** The same for a file that finds out about the machine itself, when it is started. */
async function standaloneContext(spec: Spec, host: Host, launch: Launch): Promise<Context> {
  const { planFoundCgroup } = await import("../cgroup/found.ts");
  const cgroup = planFoundCgroup({
    resources: spec.linux?.resources,
    cgroupsPath: spec.linux?.cgroupsPath,
    isRoot: host.uid === 0,
    mountsCgroup: mountsCgroup(spec),
    isRealtime: isRealtime(spec),
    isNamed: ownHooks({ spec, launch }) !== undefined,
  });
  return makeContext(
    spec,
    host,
    { ...launch, filter: launch.filter ?? (await compileFilter(spec, host)) },
    cgroup,
  );
}

/** Reading the host's cgroups costs time that a container without limits need not spend. */
const wantsCgroup = (spec: Spec, launch: Launch): boolean =>
  isManaged(launch) ||
  mountsCgroup(spec) ||
  spec.linux?.resources !== undefined ||
  spec.linux?.cgroupsPath !== undefined;

/** Who is paused, counted and killed by its cgroup has to be in all of them. */
const isManaged = ({ creates, reports }: Launch): boolean => creates || reports !== false;

const mountsCgroup = ({ mounts = [] }: Spec): boolean => mounts.some(({ type }) => type === "cgroup");

const isRealtime = ({ process }: Spec): boolean => REALTIME.includes(process?.scheduler?.policy ?? "");

const cgroupInput = (spec: Spec, host: Host, launch: Launch, look: Look): CgroupInput => ({
  ...ownerOf(spec, host),
  host: gatherCgroups(look),
  resources: spec.linux?.resources,
  cgroupsPath: spec.linux?.cgroupsPath,
  id: launch.id,
  uid: host.uid,
  mountsCgroup: mountsCgroup(spec),
  isManaged: isManaged(launch) && isAlways(launch, host),
  isDisabled: launch.cgroups === "never",
  isRealtime: isRealtime(spec),
  looks: {
    text: (path) => look("text", path),
    isWritable: (path) => look("writable", path) !== undefined,
  },
});

function ownerOf(spec: Spec, host: Host): Pick<CgroupInput, "owner"> {
  const owner = host.uid === 0 ? cgroupOwner(spec) : undefined;
  return owner === undefined ? {} : { owner };
}

/** The unit of a container whose cgroup systemd makes. */
export async function unitFor(
  spec: Spec,
  host: Host,
  launch: Launch,
  look: Look,
  manager: Manager,
): Promise<UnitPlan> {
  const { planUnit } = await import("../cgroup/systemd.ts");
  return planUnit({ ...cgroupInput(spec, host, launch, look), annotations: spec.annotations }, manager);
}
