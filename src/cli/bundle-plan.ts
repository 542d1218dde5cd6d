/** The plan of `hutch create` and `hutch run`; loaded only when no program was kept. */

import { loadBundle } from "../container/bundle.ts";
import { planCreation } from "../container/creation.ts";
import { gatherHost } from "../container/host.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import type { Launch } from "../plan/context.ts";

type Wishes = Pick<Launch, "init" | "preserveFds" | "noPivot" | "keepKeyring"> &
  Partial<Pick<Launch, "creates" | "sendsPidfd" | "notes">>;

export interface BundleWish extends Wishes {
  readonly id: string;
  readonly bundle: string;
  readonly config: string | undefined;
}

export async function planBundle(
  { id, bundle: directory, config, ...wishes }: BundleWish,
  look: Look,
  warn: (line: string) => void,
): Promise<Planned> {
  const { spec, launch, bundle } = loadBundle(directory, look, warn, config);
  const { creates } = wishes;
  if (!creates && Object.values(spec.hooks ?? {}).some((list) => list?.length)) {
    throw new HutchError({
      operation: "hooks",
      reason: "not run by a container in the foreground yet",
      hint: "hutch run --detach, or hutch create and hutch start",
    });
  }
  const where = { bundle, config: config === undefined ? undefined : look("real", config) };
  // In the foreground hutch becomes the program; of `create` it is a child, from a memfd of its own.
  const executable = creates ? undefined : PROGRAM_DESCRIPTOR;
  const whole = { ...launch, ...wishes, executable };
  return planCreation({ id, ...where, spec, host: gatherHost(look), launch: whole }, look);
}
