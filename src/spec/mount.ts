/** Mounts: config.md, "Mounts", "Linux mount options", "POSIX-platform Mounts". */
import type * as v from "valibot";
import { checkIdMappings, idMappingsSchema } from "./idmap.ts";
import { namespaceOf } from "./namespace.ts";
import { checkNoParent } from "./path.ts";
import type { Rule } from "./rule.ts";
import { later, object, optionalText, optionalTexts, text } from "./schema.ts";

export const mountSchema = object({
  destination: text,
  type: optionalText,
  source: optionalText,
  options: optionalTexts,
  uidMappings: later(idMappingsSchema),
  gidMappings: later(idMappingsSchema),
});

export type Mount = v.InferOutput<typeof mountSchema>;

/** Options with which no file system type is needed: nothing new is mounted. */
const TYPELESS = [
  ...["bind", "rbind", "remount"],
  ...["shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"],
];

/** A mount is a bind mount when an option says so; its type is then of no account (config.md, "Mounts"). */
export function isBindMount(mount: Mount): boolean {
  const { options = [] } = mount;
  return options.includes("bind") || options.includes("rbind");
}

/** Whether the ids of a mount are mapped: it has mappings, or an option asks for the container's. */
export function isIdMapped(mount: Mount): boolean {
  const { options = [], uidMappings = [], gidMappings = [] } = mount;
  return (
    uidMappings.length > 0 ||
    gidMappings.length > 0 ||
    options.includes("idmap") ||
    options.includes("ridmap")
  );
}

export const mountRules: readonly Rule[] = [
  {
    section: "config.md#configMounts",
    check(spec, refuse) {
      // Without a namespace of its own the container's mounts would appear on the host.
      if (spec.mounts?.length && !namespaceOf(spec, "mount")) {
        refuse("mounts", "a mount namespace in linux.namespaces", undefined);
      }
      for (const [index, mount] of (spec.mounts ?? []).entries()) {
        const path = `mounts[${index}]`;
        if (mount.destination === "") refuse(`${path}.destination`, "an absolute path", "");
        checkNoParent(mount.destination, `${path}.destination`, refuse);
        if (isBindMount(mount)) {
          if (!mount.source) refuse(`${path}.source`, "the file or directory to bind", mount.source);
        } else if (!mount.type && !mount.options?.some((option) => TYPELESS.includes(option))) {
          refuse(`${path}.type`, "a file system type", mount.type);
        }
      }
    },
  },
  {
    section: "config.md#configMounts",
    warning: true,
    check({ mounts }, refuse) {
      for (const [index, { destination }] of (mounts ?? []).entries()) {
        if (destination === "" || destination.startsWith("/")) continue;
        refuse(`mounts[${index}].destination`, "an absolute path (taken as relative to /)", destination);
      }
    },
  },
  {
    section: "config.md#configPOSIXMounts",
    check(spec, refuse) {
      for (const [index, mount] of (spec.mounts ?? []).entries()) {
        if (!isIdMapped(mount)) continue;
        const path = `mounts[${index}]`;
        const { uidMappings = [], gidMappings = [] } = mount;
        if (!isBindMount(mount)) {
          refuse(`${path}.options`, "bind or rbind with id mappings", mount.options?.join(","));
        }
        if (uidMappings.length === 0 && gidMappings.length === 0) {
          if (!namespaceOf(spec, "user")) {
            refuse(`${path}.uidMappings`, "mappings, or a user namespace in linux.namespaces", undefined);
          }
        } else if (uidMappings.length === 0) {
          refuse(`${path}.uidMappings`, "mappings, because gidMappings are given", mount.uidMappings);
        } else if (gidMappings.length === 0) {
          refuse(`${path}.gidMappings`, "mappings, because uidMappings are given", mount.gidMappings);
        }
        checkIdMappings(uidMappings, `${path}.uidMappings`, refuse);
        checkIdMappings(gidMappings, `${path}.gidMappings`, refuse);
      }
    },
  },
];
