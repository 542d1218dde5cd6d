/** The five capability sets of a process: config.md, "Linux Process"; capabilities(7). */
import type * as v from "valibot";
import { CAPABILITIES } from "../linux/capability.ts";
import type { Rule } from "./rule.ts";
import { expectOneOf, object, optionalTexts } from "./schema.ts";

export const capabilitiesSchema = object({
  bounding: optionalTexts,
  permitted: optionalTexts,
  effective: optionalTexts,
  inheritable: optionalTexts,
  ambient: optionalTexts,
});

export type Capabilities = v.InferOutput<typeof capabilitiesSchema>;

const SETS = ["bounding", "permitted", "effective", "inheritable", "ambient"] as const;

/**
 * What capset(2) and prctl(PR_CAP_AMBIENT_RAISE) demand of the sets, one row a demand. The bounding set
 * does not limit the permitted set: the kernel applies it at execve only.
 */
const SUBSETS = [
  { part: "effective", whole: "permitted" },
  { part: "inheritable", whole: "bounding" },
] as const;

/**
 * The ambient capabilities that can be raised: those both permitted and inheritable. The rest would give
 * EPERM; bundles written by `runc spec` before 1.2 ask for it, so it is a warning and not an error.
 */
export function raisableAmbient(sets: Capabilities): string[] {
  return (sets.ambient ?? []).filter(
    (name) => sets.permitted?.includes(name) && sets.inheritable?.includes(name),
  );
}

export const capabilityRules: readonly Rule[] = [
  {
    section: "config.md#configLinuxProcess",
    check({ process }, refuse) {
      const sets = process?.capabilities;
      if (!sets) return;
      for (const set of SETS) {
        for (const [index, name] of (sets[set] ?? []).entries()) {
          if (CAPABILITIES.includes(name)) continue;
          refuse(`process.capabilities.${set}[${index}]`, expectOneOf(name, CAPABILITIES), name);
        }
      }
    },
  },
  {
    section: "config.md#configLinuxProcess",
    check({ process }, refuse) {
      const sets = process?.capabilities;
      if (!sets) return;
      for (const { part, whole } of SUBSETS) {
        for (const [index, name] of (sets[part] ?? []).entries()) {
          if (sets[whole]?.includes(name)) continue;
          refuse(`process.capabilities.${part}[${index}]`, `a capability that is also ${whole}`, name);
        }
      }
    },
  },
  {
    section: "config.md#configLinuxProcess",
    warning: true,
    check({ process }, refuse) {
      const sets = process?.capabilities;
      if (!sets?.ambient?.length) return;
      const raisable = raisableAmbient(sets);
      const lost = sets.ambient.filter((name) => !raisable.includes(name));
      if (lost.length === 0) return;
      refuse(
        "process.capabilities.ambient",
        "capabilities that are also permitted and inheritable",
        lost.join(" "),
      );
    },
  },
];
