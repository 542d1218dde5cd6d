/**
 * New file systems by fsopen(2), fsconfig(2) and fsmount(2): detached until they are moved to their
 * place.
 */
import { HutchError } from "../linux/error.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
} from "../linux/mount.ts";
import { call, slot } from "./build.ts";
import type { Buffer, Call, Slot, Step } from "./step.ts";

/** What a user can do about the answers of a mount; by file system type, "" for all. */
const HINTS: Readonly<Record<string, Call["hints"]>> = {
  "": {
    ENODEV: "the kernel does not know this file system",
    EPERM: "a user namespace may mount only a few file systems (proc, sysfs, tmpfs, devpts, mqueue, overlay)",
    EINVAL: "an option is not known to this file system, or has a wrong value; dmesg may say which",
  },
  proc: {
    EPERM: "a new proc needs a pid namespace of the container's own, and a fully visible /proc on the host",
  },
  sysfs: {
    EPERM: "a new sysfs needs a network namespace of the container's own; bind /sys from the host instead",
  },
  overlay: {
    EINVAL: "the upper directory must lie on a file system with extended attributes, not on another overlay",
    ELOOP: "the upper layer may not lie inside the lower one",
    EBUSY: "another overlay uses this layer",
    ESTALE: "the layer belongs to another lower directory",
  },
};

export interface FileSystem {
  readonly type: string;
  /** A buffer holds a text that only the running program knows. */
  readonly source: string | Buffer;
  /** Options as mount(8) writes them: "mode=755", "ro". */
  readonly data: readonly string[];
  /** MOUNT_ATTR_* flags. */
  readonly attributes: number;
  readonly into: Slot;
  readonly subject?: Slot;
}

/** Bytes that fsconfig(2) takes of a string value, with its NUL (fs/fsopen.c). */
const FSCONFIG_MAX = 256;

/** Refuses before anything happens what the kernel would answer with a bare EINVAL. */
function checkLength(why: string, text: string): void {
  if (text.length * 3 < FSCONFIG_MAX || new TextEncoder().encode(text).length < FSCONFIG_MAX) return;
  throw new HutchError({
    operation: `${why}: ${text.slice(0, 40)}…`,
    reason: `the kernel takes at most ${FSCONFIG_MAX - 1} bytes`,
    hint: "a symlink, or a bind mount made before, gives a long path a short name",
  });
}

/** A detached mount of a new file system in `into`. */
export function makeFileSystem(why: string, file: FileSystem): Step[] {
  const { type, source, data, attributes, into, subject } = file;
  const fs = slot("fs");
  const hints = { ...HINTS[""], ...HINTS[type] };
  const special = subject === undefined ? { hints } : { hints, subject };
  if (typeof source === "string") checkLength(`${why}: source`, source);
  const setOption = (option: string): Step => {
    const equals = option.indexOf("=");
    checkLength(`${why}: option`, option.slice(equals + 1));
    return equals < 0
      ? call(`${why}: option ${option}`, "fsconfig", [fs, FSCONFIG_SET_FLAG, option, 0, 0], special)
      : call(
          `${why}: option ${option}`,
          "fsconfig",
          [fs, FSCONFIG_SET_STRING, option.slice(0, equals), option.slice(equals + 1), 0],
          special,
        );
  };
  return [
    call(why, "fsopen", [type, FSOPEN_CLOEXEC], { into: fs, ...special }),
    ...(source === ""
      ? []
      : [call(why, "fsconfig", [fs, FSCONFIG_SET_STRING, "source", source, 0], special)]),
    ...data.map(setOption),
    call(why, "fsconfig", [fs, FSCONFIG_CMD_CREATE, 0, 0, 0], special),
    call(why, "fsmount", [fs, FSMOUNT_CLOEXEC, attributes], { into, ...special }),
    call(why, "close", [fs]),
  ];
}
