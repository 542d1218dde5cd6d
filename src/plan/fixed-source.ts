/** What a file that moves about with its directory still looks for at one place of the host. */
import { AT_FDCWD } from "../linux/fcntl.ts";
import type { Spec } from "../spec/spec.ts";
import type { Plan } from "./step.ts";

/** The kernel's own file systems, which every machine has at these places. */
const KERNELS = /^\/(proc|sys|dev)(\/|$)/;

/** The absolute paths of roots, layers, mounts, devices and namespaces, in the order of the plan. */
export function fixedSources(plan: Plan, { linux }: Spec): string[] {
  const opened = plan.flatMap((step) => {
    if (step.kind !== "call" || step.name !== "open_tree") return [];
    const [from, path] = step.args;
    return from === AT_FDCWD && typeof path === "string" ? [path] : [];
  });
  const joined = (linux?.namespaces ?? []).flatMap(({ path }) => path ?? []);
  return [...new Set([...opened, ...joined])].filter((path) => path.startsWith("/") && !KERNELS.test(path));
}
