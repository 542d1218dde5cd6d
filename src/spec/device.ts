/** Device files: config-linux.md, "Devices". */
import type * as v from "valibot";
import { checkContainerPath } from "./path.ts";
import type { Rule } from "./rule.ts";
import { mode, object, oneOf, optional, optionalInteger, optionalU32, text } from "./schema.ts";

/** c and u are character devices, b a block device, p a FIFO (mknod(1)). */
export const DEVICE_TYPES = ["c", "b", "u", "p"] as const;

export const deviceSchema = () =>
  object({
    type: oneOf(DEVICE_TYPES),
    path: text,
    major: optionalInteger,
    minor: optionalInteger,
    fileMode: optional(mode),
    uid: optionalU32,
    gid: optionalU32,
  });

export type Device = v.InferOutput<ReturnType<typeof deviceSchema>>;

/** A device number has 12 bits of major and 20 of minor (linux/kdev_t.h). */
const MOST = { major: 4095, minor: 1048575 } as const;
/** chown(2) takes −1 for "do not change". */
const UNCHANGED = 4294967295;

export const deviceRules: readonly Rule[] = [
  {
    section: "config-linux.md#configLinuxDevices",
    check({ linux }, refuse) {
      for (const [index, device] of (linux?.devices ?? []).entries()) {
        const path = `linux.devices[${index}]`;
        checkContainerPath(device.path, `${path}.path`, refuse);
        for (const id of ["uid", "gid"] as const) {
          if (device[id] === UNCHANGED) refuse(`${path}.${id}`, "an id below 4294967295", device[id]);
        }
        if (device.type === "p") continue;
        for (const part of ["major", "minor"] as const) {
          const number = device[part];
          if (number === undefined || number < 0 || number > MOST[part]) {
            refuse(`${path}.${part}`, `an integer from 0 to ${MOST[part]}`, number);
          }
        }
      }
    },
  },
];
