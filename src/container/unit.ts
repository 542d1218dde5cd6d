/** The unit of systemd that a container is in, for containers whose cgroup systemd makes. */
import type { Manager } from "../cgroup/systemd.ts";
import { resourceProperties } from "../cgroup/systemd-property.ts";
import { openSystemd, type Systemd } from "../dbus/systemd.ts";
import type { Property } from "../dbus/value.ts";
import { HutchError } from "../linux/error.ts";
import type { Resources } from "../spec/resources.ts";

/** What is written down of a unit. */
export interface UnitName {
  readonly name: string;
  /** It is the user's manager that knows it. */
  readonly isUser: boolean;
}

/** What a unit is started with. */
export interface UnitDraft extends UnitName {
  readonly isSlice: boolean;
  readonly properties: readonly Property[];
}

/** Runs `use` with a connection, and closes it: systemd tells whoever listens of all that happens. */
function asking<T>(isUser: boolean, use: (systemd: Systemd) => T): T {
  const systemd = openSystemd(isUser, process.env);
  try {
    return use(systemd);
  } finally {
    systemd.close();
  }
}

const versionOf = (systemd: Systemd): number => Number(/\d+/.exec(systemd.property("Version"))?.[0] ?? 0);

/** What a plan depends upon. Throws HutchError when there is no systemd. */
export const askManager = (isUser: boolean): Manager =>
  asking(isUser, (systemd) => ({
    version: versionOf(systemd),
    controlGroup: systemd.property("ControlGroup").replace(/\/$/, ""),
    isUser,
  }));

/** Makes the unit, with the container's first process in it. */
export function startUnit({ name, isUser, isSlice, properties }: UnitDraft, id: string, pid: number): void {
  const description: Property = ["Description", { signature: "s", value: `hutch container ${id}` }];
  const pids: Property = ["PIDs", { signature: "au", value: [pid] }];
  asking(isUser, (systemd) => {
    // A slice takes no processes: the creator puts init there itself.
    systemd.start(name, [description, ...properties, ...(isSlice ? [] : [pids])]);
  });
}

/**
 * Lets systemd forget the unit of a container that has ended. Where systemd is not to be reached, that is
 * told: it finds out by itself that the unit has no processes.
 */
export function stopUnit({ name, isUser }: UnitName, warn: (line: string) => void): void {
  try {
    asking(isUser, (systemd) => systemd.stop(name));
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
    warn(error.message);
  }
}

/** Tells systemd of new limits, which it would undo otherwise when it reloads. */
export function updateUnit({ name, isUser }: UnitName, resources: Resources, cgroups: "v1" | "v2"): void {
  asking(isUser, (systemd) => {
    const properties = resourceProperties(resources, { systemd: versionOf(systemd), cgroups });
    if (properties.length > 0) systemd.set(name, properties);
  });
}
