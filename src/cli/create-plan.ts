/** The plan of `hutch create`; loaded only when no program was kept. */
import { planCreation } from "../container/creation.ts";
import { gatherHost } from "../container/host.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import { loadBundle } from "./bundle.ts";

export interface CreationWish {
  readonly id: string;
  readonly bundle: string;
  readonly config: string | undefined;
  readonly preserveFds: number;
  readonly noPivot: boolean;
  readonly keepKeyring: boolean;
  readonly sendsPidfd: boolean;
}

export async function planBundleCreation(
  { id, bundle: directory, config, ...wishes }: CreationWish,
  look: Look,
  warn: (line: string) => void,
): Promise<Planned> {
  const { spec, launch, bundle } = loadBundle(directory, look, warn, config);
  const where = { bundle, config: config === undefined ? undefined : look("real", config) };
  const wish = {
    id,
    ...where,
    spec,
    host: gatherHost(look),
    launch: { ...launch, ...wishes, creates: true },
  };
  return planCreation(wish, look);
}
