/** Namespaces: config-linux.md, "Namespaces", "User namespace mappings", "Offset for Time Namespace". */
import * as v from "valibot";
import type { NamespaceType } from "../linux/namespace.ts";
import { checkIdMappings } from "./idmap.ts";
import type { Rule } from "./rule.ts";
import { notArray, object, oneOf, optional, optionalI64, optionalText, optionalU32 } from "./schema.ts";
import type { Spec } from "./spec.ts";

const TYPES = [
  "user",
  "cgroup",
  "ipc",
  "uts",
  "network",
  "pid",
  "mount",
  "time",
] as const satisfies readonly NamespaceType[];

export const namespaceSchema = object({ type: oneOf(TYPES), path: optionalText });

export type Namespace = v.InferOutput<typeof namespaceSchema>;

const CLOCKS = ["monotonic", "boottime"] as const;

/** Strict, because an offset of a clock that is not known would be lost without a word. */
export const timeOffsetsSchema = () => {
  const offset = optional(object({ secs: optionalI64, nanosecs: optionalU32 }));
  return notArray(
    v.strictObject({ monotonic: offset, boottime: offset }, `one of the clocks ${CLOCKS.join(", ")}`),
  );
};

/** The entry of a type, if the container has such a namespace of its own or joins one by path. */
export function namespaceOf(spec: Spec, type: NamespaceType): Namespace | undefined {
  for (const namespace of spec.linux?.namespaces ?? []) if (namespace.type === type) return namespace;
  return undefined;
}

/** Whether the container gets a new namespace of a type. */
export function createsNamespace(spec: Spec, type: NamespaceType): boolean {
  const namespace = namespaceOf(spec, type);
  return namespace !== undefined && namespace.path === undefined;
}

/** __NEW_UTS_LEN of linux/utsname.h. */
const LONGEST_NAME = 64;
const NANOSECONDS = 1_000_000_000;

export const namespaceRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxNamespaces",
    check({ linux }, refuse) {
      const seen: string[] = [];
      for (const [index, { type, path }] of (linux?.namespaces ?? []).entries()) {
        const where = `linux.namespaces[${index}]`;
        if (seen.includes(type)) refuse(`${where}.type`, "every type once", type);
        seen.push(type);
        if (path !== undefined && !path.startsWith("/")) refuse(`${where}.path`, "an absolute path", path);
      }
    },
  },
  {
    section: "config.md#configHostname",
    check(spec, refuse) {
      const uts = namespaceOf(spec, "uts");
      for (const field of ["hostname", "domainname"] as const) {
        const name = spec[field];
        if (!name) continue;
        // Without a namespace of the container's own, sethostname(2) would rename the host.
        if (!uts) refuse(field, "a uts namespace in linux.namespaces", undefined);
        // A character is at most three bytes, and the encoder is not for nothing.
        if (name.length * 3 > LONGEST_NAME && new TextEncoder().encode(name).length > LONGEST_NAME) {
          refuse(field, `at most ${LONGEST_NAME} bytes`, name);
        }
      }
    },
  },
  {
    section: "config-linux.md#configLinuxUserNamespaceMappings",
    check(spec, refuse) {
      const user = namespaceOf(spec, "user");
      for (const field of ["uidMappings", "gidMappings"] as const) {
        const mappings = spec.linux?.[field];
        const path = `linux.${field}`;
        if (mappings?.length && !user) refuse(path, "a user namespace in linux.namespaces", undefined);
        // A new user namespace without a mapping knows no id at all: nobody could become any user in it.
        if (!mappings?.length && user && user.path === undefined) {
          refuse(path, "at least one mapping for the new user namespace", mappings);
        }
        checkIdMappings(mappings, path, refuse);
      }
    },
  },
  {
    section: "config-linux.md#configLinuxTimeOffset",
    check(spec, refuse) {
      const offsets = spec.linux?.timeOffsets;
      if (!offsets) return;
      // The kernel takes offsets only before the first process enters the namespace.
      if ((offsets.monotonic ?? offsets.boottime) && !createsNamespace(spec, "time")) {
        const joined = namespaceOf(spec, "time")?.path;
        refuse("linux.timeOffsets", "a new time namespace in linux.namespaces", joined);
      }
      for (const clock of CLOCKS) {
        const nanosecs = offsets[clock]?.nanosecs;
        if (nanosecs !== undefined && nanosecs >= NANOSECONDS) {
          refuse(`linux.timeOffsets.${clock}.nanosecs`, `an integer below ${NANOSECONDS}`, nanosecs);
        }
      }
    },
  },
];
