/** Changing the limits of a container that is there. */

import type { Setting } from "../cgroup/setting.ts";
import { completed, updateSettings } from "../cgroup/update.ts";
import { readTextIfExists, writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { O_WRONLY } from "../linux/fcntl.ts";
import type { Resources } from "../spec/resources.ts";
import { cgroupReader } from "./events.ts";

interface Change extends Setting {
  readonly path: string;
  readonly before: string | undefined;
}

function changeOf(setting: Setting, directories: readonly string[]): Change {
  const { controller, file } = setting;
  for (const directory of directories) {
    const path = `${directory}/${file}`;
    if (fileKind(path) === "file") return { ...setting, path, before: readTextIfExists(path)?.trim() };
  }
  throw new HutchError({
    operation: `limit ${controller}`,
    reason: `no cgroup of the container has ${file}`,
    hint:
      file.includes("swap") || file.includes("memsw")
        ? "the kernel does not account for swap"
        : "hutch create makes one for an explicit linux.cgroupsPath, or a limit in linux.resources",
  });
}

/** Errors that another order may mend: memory and swap, quota and period bound each other. */
const MENDABLE: readonly (string | undefined)[] = ["EINVAL", "EBUSY"];

/** Writes what can be written, until all is, or nothing more can be. */
function writeAll(changes: readonly Change[], written: Change[]): void {
  let rest = changes;
  while (rest.length > 0) {
    const refused: { readonly change: Change; readonly error: HutchError }[] = [];
    for (const change of rest) {
      try {
        writeFile(change.path, change.text, { flags: O_WRONLY });
        written.push(change);
      } catch (error) {
        if (!(error instanceof HutchError) || !MENDABLE.includes(error.errno)) throw error;
        refused.push({ change, error });
      }
    }
    const [first] = refused;
    if (first !== undefined && refused.length === rest.length) throw first.error;
    rest = refused.map(({ change }) => change);
  }
}

/** Puts back what was there; that this fails would hide why. */
function undo(written: readonly Change[]): void {
  for (const { path, before } of written.toReversed()) {
    try {
      if (before !== undefined) writeFile(path, before, { flags: O_WRONLY });
    } catch (error) {
      if (!(error instanceof HutchError)) throw error;
    }
  }
}

/** The resources, with what they leave open taken from the container's cgroups. */
export const completeResources = (resources: Resources, cgroups: readonly string[]): Resources =>
  completed(resources, cgroupReader(cgroups));

/** Writes new limits: all of them, or the old ones are put back and the first that was refused is thrown. */
export function updateLimits(id: string, cgroups: readonly string[], resources: Resources): void {
  const written: Change[] = [];
  try {
    const changes = updateSettings(resources, cgroupReader(cgroups)).map((setting) =>
      changeOf(setting, cgroups),
    );
    writeAll(changes, written);
  } catch (error) {
    undo(written);
    if (!(error instanceof HutchError)) throw error;
    const { operation, errno, reason, hint } = error;
    throw new HutchError({
      operation: `update container ${id}: ${operation}`,
      errno,
      reason,
      hint,
      cause: error,
    });
  }
}
