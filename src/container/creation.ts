/** From a bundle to the program of `create`. */
import type { Manager, UnitPlan } from "../cgroup/systemd.ts";
import type { Look } from "../host/look.ts";
import { type Host, isNew, type Launch } from "../plan/context.ts";
import { planContainer } from "../plan/order.ts";
import type { Spec } from "../spec/spec.ts";
import { type Draft, digestOfRules, NAMELESS } from "./draft.ts";
import { contextFor, unitFor } from "./plan.ts";
import type { Planned } from "./program.ts";
import type { UnitDraft } from "./unit.ts";

export interface Wish {
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** The text that `spec` was read from. */
  readonly config?: string | undefined;
  readonly spec: Spec;
  readonly host: Host;
  readonly launch: Omit<Launch, "id" | "dieWithLauncher">;
  /** Who makes the cgroup, when it is not hutch. */
  readonly manager?: Manager | undefined;
}

/** The plan of `create` or `run`; it is good for every id unless it has asked for the one. */
export async function planCreation(
  { id, bundle, config, spec, host, launch, manager }: Wish,
  look: Look,
): Promise<Planned> {
  let isNamed = false;
  let name = id;
  const wishes: Launch = {
    ...launch,
    id: () => {
      isNamed = true;
      return name;
    },
    dieWithLauncher: true,
  };
  const unit = manager === undefined ? undefined : await unitFor(spec, host, wishes, look, manager);
  const context = await contextFor(spec, host, wishes, look, unit?.cgroup);
  const plan = planContainer(context);
  const isLasting = !isNamed;
  name = NAMELESS;
  const { devices = [], memory } = spec.linux?.resources ?? {};
  const checksMemory = memory?.checkBeforeUpdate;
  const draft: Draft = {
    ociVersion: spec.ociVersion,
    bundle,
    ...(config === undefined ? {} : { config }),
    rootfs: spec.root?.path ?? "/",
    owner: host.uid,
    namespaces: [...context.namespaces.keys()].filter((type) => isNew(context, type)),
    annotations: spec.annotations ?? {},
    cgroups: context.cgroup?.directories() ?? [],
    ...(devices.length === 0 ? {} : { deviceRules: digestOfRules(devices) }),
    ...(checksMemory === undefined ? {} : { checksMemory }),
    hooks: spec.hooks,
    terminal: spec.process?.terminal === true,
    ...(launch.supervises ? { stays: true } : {}),
    ...(unit === undefined || manager === undefined ? {} : { unit: unitDraft(unit, manager) }),
  };
  return { plan, details: JSON.stringify(draft), isLasting };
}

const unitDraft = ({ unit: { name, isSlice }, properties }: UnitPlan, { isUser }: Manager): UnitDraft => ({
  name,
  isUser,
  isSlice,
  properties,
});
