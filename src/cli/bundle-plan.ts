/** The plan of `hutch run`. */
import { gatherHost } from "../container/host.ts";
import { planFor } from "../container/plan.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import { loadBundle } from "./bundle.ts";

export interface BundleWish {
  readonly bundle: string;
  readonly config: string | undefined;
  readonly id: () => string;
  readonly init: boolean;
  readonly preserveFds: number;
  readonly noPivot: boolean;
  readonly keepKeyring: boolean;
}

export async function planBundle(wish: BundleWish, look: Look, warn: (line: string) => void): Promise<Plan> {
  const { bundle, config, ...wanted } = wish;
  const { spec, launch } = loadBundle(bundle, look, warn, config);
  if (Object.values(spec.hooks ?? {}).some((list) => list?.length)) {
    throw new HutchError({
      operation: "hooks",
      reason: "not run by a container in the foreground yet",
      hint: "hutch run --detach, or hutch create and hutch start",
    });
  }
  const wishes = { ...launch, ...wanted, executable: PROGRAM_DESCRIPTOR };
  return planFor(spec, gatherHost(look), wishes, look);
}
