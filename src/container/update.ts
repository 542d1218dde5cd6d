/** Changing the limits of a container that is there. */

import { isV2 } from "../cgroup/read.ts";
import { restoring } from "../cgroup/restore.ts";
import type { Setting } from "../cgroup/setting.ts";
import { completed, refuseUpdate, told, updateSettings } from "../cgroup/update.ts";
import { readTextIfExists, writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { O_WRONLY } from "../linux/fcntl.ts";
import type { Resources } from "../spec/resources.ts";
import { cgroupReader } from "./events.ts";

interface Change {
  readonly path: string;
  readonly text: string;
  /** What takes the change back. */
  readonly before: readonly string[];
}

/** Where a file lies; the container's cgroups of version 1 have different ones. */
const pathOf = (file: string, directories: readonly string[]): string | undefined =>
  directories.map((directory) => `${directory}/${file}`).find((path) => fileKind(path) === "file");

/** The change that a setting makes; none where the kernel does so without being told. */
function changeOf(setting: Setting, directories: readonly string[]): Change[] {
  const { controller, file, otherwise } = setting;
  const lines = [setting, ...(otherwise === undefined || otherwise === "nothing" ? [] : [otherwise])];
  for (const line of lines) {
    const path = pathOf(line.file, directories);
    if (path === undefined) continue;
    const before = restoring(line, readTextIfExists(path)?.trim() ?? "");
    return [{ path, text: line.text, before }];
  }
  if (otherwise === "nothing") return [];
  throw new HutchError({
    operation: `limit ${controller}`,
    reason: `no cgroup of the container has ${file}`,
    hint:
      file.includes("swap") || file.includes("memsw")
        ? "the kernel does not account for swap"
        : `the container is in no cgroup of ${controller}, or this kernel has no such limit; hutch create puts it into every one that there is`,
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
    for (const text of before) {
      try {
        writeFile(path, text, { flags: O_WRONLY });
      } catch (error) {
        if (!(error instanceof HutchError)) throw error;
      }
    }
  }
}

/** The resources, with what they leave open taken from the container's cgroups. */
export const completeResources = (resources: Resources, cgroups: readonly string[]): Resources =>
  completed(resources, cgroupReader(cgroups));

/**
 * Writes new limits: all of them, or the old ones are put back and the first that was refused is thrown.
 * `tell` hears of them when they are written, and may refuse them too. The device rules come last, because
 * they change at once or not at all.
 */
export async function updateLimits(
  id: string,
  cgroups: readonly string[],
  resources: Resources,
  tell?: (resources: Resources, version: "v1" | "v2") => void,
): Promise<void> {
  const read = cgroupReader(cgroups);
  refuseUpdate(resources, read);
  const written: Change[] = [];
  try {
    const changes = updateSettings(resources, read).flatMap((setting) => changeOf(setting, cgroups));
    writeAll(changes, written);
    tell?.(told(resources, read), isV2(read) ? "v2" : "v1");
    if ((resources.devices ?? []).length > 0) {
      const { updateDevices } = await import("./update-devices.ts");
      await updateDevices(id, cgroups, resources.devices ?? [], read);
    }
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
