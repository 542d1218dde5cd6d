/** linux.resources by the table: what is to be written, and what cannot be. */
import { specError } from "../spec/error.ts";
import type { Resources } from "../spec/resources.ts";
import type { Setting } from "./setting.ts";
import { ROWS } from "./table.ts";

export type Version = "v1" | "v2";

/** Files of every cgroup, which belong to no controller. */
const CORE = "cgroup";

/** The controller of a row or, where that leaves it open, of a file: "memory" of "memory.high". */
function controllerOf(controller: string, file: string, version: Version): string {
  if (controller === "blkio" && version === "v2") return "io";
  return controller === "" ? file.slice(0, Math.max(0, file.indexOf("."))) || CORE : controller;
}

/** True for a file that is there without any controller. */
export const isCore = ({ controller }: Setting): boolean => controller === CORE;

/** What linux.resources writes, in the order of writing; devices are not among it. */
export function settingsOf(resources: Resources, version: Version): Setting[] {
  const settings: Setting[] = [];
  for (const { controller, [version]: conversion } of ROWS) {
    if (!("write" in conversion)) continue;
    for (const draft of conversion.write(resources)) {
      settings.push({ controller: controllerOf(controller, draft.file, version), ...draft });
    }
  }
  return settings;
}

/** What a new cgroup does not have already. */
export const newSettings = (resources: Resources, version: Version): Setting[] =>
  settingsOf(resources, version).filter(({ isDefault }) => isDefault !== true);

/** Every field that this version of cgroups cannot act upon, with the reason; paths are below `prefix`. */
export const impossible = (resources: Resources, version: Version, prefix = "linux.resources."): string[] =>
  ROWS.flatMap(({ field, [version]: conversion }) =>
    "refuse" in conversion && conversion.when(resources) ? [`${prefix}${field}: ${conversion.refuse}`] : [],
  );

/** Throws a HutchError that names them all. */
export function refuseImpossible(
  resources: Resources,
  version: Version,
  { name = "config.json", prefix = "linux.resources." }: { name?: string; prefix?: string } = {},
): void {
  const lines = impossible(resources, version, prefix);
  if (lines.length > 0) throw specError(name, lines);
}
