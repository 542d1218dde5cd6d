/** The plan of `hutch create` and `hutch run`; loaded only when no program was kept. */
import type { Manager } from "../cgroup/systemd.ts";
import { loadBundle, requireUserNamespace } from "../container/bundle.ts";
import { planCreation } from "../container/creation.ts";
import { gatherHost } from "../container/host.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import type { Launch } from "../plan/context.ts";
import { controlDescriptor } from "../plan/creator-control.ts";
import type { Spec } from "../spec/spec.ts";

type Wishes = Pick<Launch, "init" | "preserveFds" | "noPivot" | "keepKeyring"> &
  Partial<Pick<Launch, "creates" | "sendsPidfd" | "notes" | "cgroups" | "reports">>;

export interface BundleWish extends Wishes {
  readonly id: string;
  readonly bundle: string;
  readonly config: string | undefined;
  /** Who makes the cgroup, when it is not hutch. */
  readonly manager?: Manager | undefined;
}

const hasHooks = ({ hooks }: Spec): boolean => Object.values(hooks ?? {}).some((list) => list?.length);

/**
 * In the foreground: hutch becomes the program or, where hooks are to be run or systemd is to be asked, stays
 * beside it.
 */
export const foregroundLaunch = (
  spec: Spec,
  asksSystemd = false,
): Partial<Pick<Launch, "creates" | "supervises" | "dieWithParent" | "notes" | "executable">> =>
  hasHooks(spec) || asksSystemd
    ? { creates: true, supervises: true, dieWithParent: true, notes: undefined }
    : { executable: PROGRAM_DESCRIPTOR };

export async function planBundle(
  { id, bundle: directory, config, manager, ...wishes }: BundleWish,
  look: Look,
  warn: (line: string) => void,
): Promise<Planned> {
  const { spec, launch, bundle, text } = loadBundle(directory, look, warn, config);
  const host = gatherHost(look);
  requireUserNamespace(spec, host, look);
  // What `create` makes is a child of hutch, from a memfd of its own.
  const whole = {
    ...launch,
    ...wishes,
    ...(wishes.creates ? {} : foregroundLaunch(spec, manager !== undefined)),
  };
  const wish = { id, bundle, config: text, spec, host, launch: whole, manager };
  const planned = await planCreation(wish, look);
  if (!whole.supervises) return planned;
  return { ...planned, report: { kind: "pipe", fd: controlDescriptor(wishes.preserveFds, "report") } };
}
