/** config.json as a whole: config.md. The sections are in files of their own. */
import type * as v from "valibot";
import { hooksSchema } from "./hooks.ts";
import { linuxSchema } from "./linux.ts";
import { mountSchema } from "./mount.ts";
import { processSchema } from "./process.ts";
import type { Rule } from "./rule.ts";
import { later, list, mapOf, object, optional, optionalFlag, optionalText, text } from "./schema.ts";

const rootSchema = object({ path: text, readonly: optionalFlag });

/** Other platforms' objects (windows, solaris, vm, zos, freebsd) are unknown properties here: ignored. */
export const specSchema = object({
  ociVersion: text,
  root: optional(rootSchema),
  process: optional(processSchema),
  hostname: optionalText,
  domainname: optionalText,
  mounts: optional(list(mountSchema)),
  hooks: later(hooksSchema),
  annotations: later(() => mapOf(text)),
  linux: optional(linuxSchema),
});

export type { Capabilities } from "./capability.ts";
export type { Device } from "./device.ts";
export type { Hook, Hooks } from "./hooks.ts";
export type { IdMapping } from "./idmap.ts";
export type { Linux, Personality, Propagation, TimeOffsets } from "./linux.ts";
export type { Mount } from "./mount.ts";
export type { Namespace } from "./namespace.ts";
export type { IoPriority, Process, Rlimit, Scheduler, User } from "./process.ts";
export type { Cpu, DeviceRule, Memory, Resources } from "./resources.ts";
export type {
  Seccomp,
  SeccompAction,
  SeccompArchitecture,
  SeccompArgument,
  SeccompFlag,
  SeccompOperator,
  SeccompSyscall,
} from "./seccomp.ts";
export type Spec = v.InferOutput<typeof specSchema>;
export type Root = v.InferOutput<typeof rootSchema>;

/** The major version of a semantic version; undefined when it is none. */
function majorVersion(version: string): string | undefined {
  const [major = "", minor = "", patch = "", ...rest] = version.split(".");
  // Most versions are three numbers, for which no regular expression has to be compiled.
  if (rest.length === 0 && isNumber(major) && isNumber(minor) && isNumber(patch)) return major;
  const form = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
  return form.exec(version)?.[1];
}

function isNumber(text: string): boolean {
  return String(Number(text)) === text && Number.isSafeInteger(Number(text)) && !text.startsWith("-");
}

export const specRules: readonly Rule[] = [
  {
    section: "config.md#configSpecificationVersion",
    check({ ociVersion }, refuse) {
      const major = majorVersion(ociVersion);
      if (major === undefined) refuse("ociVersion", "a version such as 1.3.0", ociVersion);
      // Drafts before 1.0 have the same form as long as the schema finds nothing wrong with them.
      else if (major !== "0" && major !== "1") refuse("ociVersion", "a version below 2.0.0", ociVersion);
    },
  },
  {
    section: "config.md#configRoot",
    check({ root }, refuse) {
      if (!root) refuse("root", "an object (it is required)", undefined);
      else if (root.path === "") refuse("root.path", "the path of the root file system", "");
    },
  },
  {
    section: "config.md#configAnnotations",
    check({ annotations }, refuse) {
      if (annotations && Object.hasOwn(annotations, "")) refuse("annotations", "keys that are not empty", "");
    },
  },
];
