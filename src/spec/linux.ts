/** The `linux` object: config-linux.md. */
import type * as v from "valibot";
import { PERSONALITY_DOMAINS } from "../linux/personality.ts";
import { deviceSchema } from "./device.ts";
import { idMappingsSchema } from "./idmap.ts";
import { namespaceOf, namespaceSchema, timeOffsetsSchema } from "./namespace.ts";
import { checkContainerPath, checkNoParent } from "./path.ts";
import { resourcesSchema } from "./resources.ts";
import type { Rule } from "./rule.ts";
import {
  keyOf,
  later,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  optionalFlag,
  optionalText,
  optionalTexts,
  pattern,
  text,
} from "./schema.ts";
import { seccompSchema } from "./seccomp.ts";

/** The specification's four, and the recursive ones that container managers write all the same. */
export const PROPAGATIONS = [
  "private",
  "shared",
  "slave",
  "unbindable",
  "rprivate",
  "rshared",
  "rslave",
  "runbindable",
] as const;

export const MEMORY_POLICY_MODES = [
  "MPOL_DEFAULT",
  "MPOL_BIND",
  "MPOL_INTERLEAVE",
  "MPOL_WEIGHTED_INTERLEAVE",
  "MPOL_PREFERRED",
  "MPOL_PREFERRED_MANY",
  "MPOL_LOCAL",
] as const;

export const MEMORY_POLICY_FLAGS = [
  "MPOL_F_NUMA_BALANCING",
  "MPOL_F_RELATIVE_NODES",
  "MPOL_F_STATIC_NODES",
] as const;

const intelRdtSchema = () =>
  object({
    closID: optionalText,
    schemata: optionalTexts,
    l3CacheSchema: optionalText,
    memBwSchema: optional(pattern(/^MB:[^\n]*$/, "one line that starts with MB:")),
    enableMonitoring: optionalFlag,
  });

const memoryPolicySchema = () =>
  object({
    mode: optional(oneOf(MEMORY_POLICY_MODES)),
    nodes: optionalText,
    flags: optional(list(oneOf(MEMORY_POLICY_FLAGS))),
  });

export const linuxSchema = object({
  uidMappings: later(idMappingsSchema),
  gidMappings: later(idMappingsSchema),
  timeOffsets: later(timeOffsetsSchema),
  sysctl: later(() => mapOf(text)),
  resources: optional(resourcesSchema),
  cgroupsPath: optionalText,
  namespaces: optional(list(namespaceSchema)),
  devices: later(() => list(deviceSchema())),
  netDevices: later(() => mapOf(object({ name: optionalText }))),
  seccomp: later(seccompSchema),
  rootfsPropagation: later(() => oneOf(PROPAGATIONS)),
  maskedPaths: optionalTexts,
  readonlyPaths: optionalTexts,
  mountLabel: optionalText,
  intelRdt: later(intelRdtSchema),
  memoryPolicy: later(memoryPolicySchema),
  personality: later(() => object({ domain: optional(keyOf(PERSONALITY_DOMAINS)), flags: optionalTexts })),
});

export type Linux = v.InferOutput<typeof linuxSchema>;
export type Propagation = (typeof PROPAGATIONS)[number];
export type TimeOffsets = NonNullable<Linux["timeOffsets"]>;
export type Personality = NonNullable<Linux["personality"]>;

export const linuxRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxMaskedPaths",
    check(spec, refuse) {
      for (const field of ["maskedPaths", "readonlyPaths"] as const) {
        const paths = spec.linux?.[field];
        if (!paths?.length) continue;
        if (!namespaceOf(spec, "mount")) {
          refuse(`linux.${field}`, "a mount namespace in linux.namespaces", undefined);
        }
        for (const [index, path] of paths.entries()) {
          checkContainerPath(path, `linux.${field}[${index}]`, refuse);
        }
      }
    },
  },
  {
    section: "config-linux.md#configLinuxCgroupsPath",
    check({ linux }, refuse) {
      // ".." would put the container into a control group that another owns.
      if (linux?.cgroupsPath) checkNoParent(linux.cgroupsPath, "linux.cgroupsPath", refuse);
    },
  },
  {
    section: "config-linux.md#configLinuxPersonality",
    check({ linux }, refuse) {
      const personality = linux?.personality;
      if (!personality) return;
      if (!personality.domain) refuse("linux.personality.domain", "LINUX or LINUX32", personality.domain);
      if (personality.flags?.length) {
        refuse("linux.personality.flags", "no flags (the specification defines none)", personality.flags[0]);
      }
    },
  },
];
