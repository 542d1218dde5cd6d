/** The plan of `hutch run` in the foreground; loaded only when no program was kept. */
import { planCreation } from "../container/creation.ts";
import { gatherHost } from "../container/host.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import { loadBundle } from "./bundle.ts";

export interface BundleWish {
  readonly id: string;
  readonly bundle: string;
  readonly config: string | undefined;
  readonly init: boolean;
  readonly preserveFds: number;
  readonly noPivot: boolean;
  readonly keepKeyring: boolean;
  readonly notes: "forget" | "keep";
}

export async function planBundle(
  { id, bundle: directory, config, ...wishes }: BundleWish,
  look: Look,
  warn: (line: string) => void,
): Promise<Planned> {
  const { spec, launch, bundle } = loadBundle(directory, look, warn, config);
  if (Object.values(spec.hooks ?? {}).some((list) => list?.length)) {
    throw new HutchError({
      operation: "hooks",
      reason: "not run by a container in the foreground yet",
      hint: "hutch run --detach, or hutch create and hutch start",
    });
  }
  const where = { bundle, config: config === undefined ? undefined : look("real", config) };
  const whole = { ...launch, ...wishes, executable: PROGRAM_DESCRIPTOR };
  return planCreation({ id, ...where, spec, host: gatherHost(look), launch: whole }, look);
}
