/** From a bundle to what `create` makes. */
import type { Look } from "../host/look.ts";
import type { Context, Host, Launch } from "../plan/context.ts";
import { planContainer } from "../plan/order.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";
import { contextFor } from "./plan.ts";
import type { Record } from "./store.ts";

export interface Created {
  readonly plan: Plan;
  readonly record: Record;
}

export interface Wish {
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  readonly spec: Spec;
  readonly host: Host;
  readonly launch: Omit<Launch, "id" | "creates">;
}

/** The plan of `create`, and the first record: written before anything is made, with all that will be. */
export async function planCreation({ id, bundle, spec, host, launch }: Wish, look: Look): Promise<Created> {
  const wishes: Launch = { ...launch, id: () => id, creates: true, dieWithLauncher: true };
  const context: Context = await contextFor(spec, host, wishes, look);
  return {
    plan: planContainer(context),
    record: {
      ociVersion: spec.ociVersion,
      id,
      bundle,
      rootfs: spec.root?.path ?? "/",
      created: new Date().toISOString(),
      owner: host.uid,
      annotations: spec.annotations ?? {},
      cgroups: context.cgroup?.directories() ?? [],
      hooks: {
        ...(spec.hooks?.poststart === undefined ? {} : { poststart: spec.hooks.poststart }),
        ...(spec.hooks?.poststop === undefined ? {} : { poststop: spec.hooks.poststop }),
      },
      init: undefined,
      isCreated: false,
    },
  };
}
