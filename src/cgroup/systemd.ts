/**
 * A container's cgroup that systemd makes: a transient unit, which hutch asks for when init has been born,
 * because a scope cannot be without a process. What is left then, limits without a property and hierarchies
 * that systemd does not know, is done as without it.
 */
import type { Property } from "../dbus/value.ts";
import { HutchError } from "../linux/error.ts";
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { buffer, call, slot } from "../plan/build.ts";
import type { CgroupPlan } from "../plan/cgroup.ts";
import type { Slot, Step } from "../plan/step.ts";
import { type CgroupInput, planCgroup } from "./index.ts";
import { annotatedProperties } from "./systemd-annotation.ts";
import { type Dialect, resourceProperties } from "./systemd-property.ts";
import { type Unit, unitOf } from "./systemd-unit.ts";
import type { Task } from "./v1.ts";

/** What is known of the systemd that is asked. */
export interface Manager {
  /** 252. */
  readonly version: number;
  /** Below the mount of the hierarchy; "" is its root. */
  readonly controlGroup: string;
  /** The manager of an ordinary user. */
  readonly isUser: boolean;
}

/** The unit of one container. */
export interface UnitPlan {
  readonly cgroup: CgroupPlan;
  readonly unit: Unit;
  /** All but what is known when init has been born: its pid. */
  readonly properties: readonly Property[];
}

export interface UnitInput extends CgroupInput {
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** The decimal digits of 2^64, and a zero byte. */
const PID = buffer("pid for the cgroup", 24);
const PID_LENGTH = slot("length of the pid for the cgroup");
const INIT: Task = { text: PID, length: PID_LENGTH };

/** Throws HutchError for a path, limit or annotation that cannot be kept on this machine. */
export function planUnit(input: UnitInput, manager: Manager): UnitPlan {
  const { host, resources = {}, annotations, cgroupsPath, id } = input;
  if (manager.isUser && host.version !== "v2") {
    throw new HutchError({
      operation: "systemd cgroup driver",
      reason: "a user's systemd has controllers on cgroup v2 alone",
      hint: "as root, or with --cgroup-manager=cgroupfs",
    });
  }
  const unit = unitOf(cgroupsPath, id, manager.isUser);
  const plan = planCgroup({
    ...input,
    cgroupsPath: `${manager.controlGroup}${unit.path}`,
    systemd: { member: INIT },
  });
  // A path was given, so there is a plan.
  if (plan === undefined) throw new RangeError("no cgroup for a unit of systemd");
  const dialect: Dialect = { systemd: manager.version, cgroups: host.version === "v2" ? "v2" : "v1" };
  return {
    unit,
    cgroup: {
      ...plan,
      create: [],
      enter: [],
      into: undefined,
      // Systemd removes a scope as soon as it has no process, and what was counted with it; the launcher, who
      // hears of the end at the same moment, reads what is still there, and tells nothing of the rest.
      settle: (init) => [
        { kind: "decimal", to: PID, value: init, length: PID_LENGTH },
        ...plan.create,
        ...plan.enter,
        // Into a scope of version 2 systemd has moved it; a slice starts without processes.
        ...(plan.into === undefined || (host.version === "v2" && !unit.isSlice)
          ? []
          : enterUnified(plan.into)),
      ],
    },
    properties: [
      ...unitProperties(unit, dialect),
      ...annotatedProperties(annotations),
      ...resourceProperties(resources, dialect),
    ],
  };
}

function enterUnified(directory: Slot): Step[] {
  const file = slot("cgroup file");
  const why = "put init into its cgroup of version 2";
  return [
    call(why, "openat", [directory, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0], { into: file }),
    call(why, "write", [file, PID, PID_LENGTH], {
      hints: { EBUSY: "the slice has controllers for cgroups below it, and cannot have processes" },
    }),
    call(why, "close", [file]),
  ];
}

const yes = (name: string): Property => [name, { signature: "b", value: true }];

/** What makes a unit a container's, whatever its limits are. */
function unitProperties({ slice, isSlice }: Unit, { cgroups }: Dialect): Property[] {
  return [
    // A slice has its place by its name.
    ...(isSlice
      ? ([["Wants", { signature: "as", value: [slice] }]] as const)
      : // Delegated: hutch, and who is in the container, may make cgroups below it.
        ([["Slice", { signature: "s", value: slice }], yes("Delegate")] as const)),
    // From the start: who joins a controller later is not counted as a whole.
    ...["MemoryAccounting", "CPUAccounting", "TasksAccounting"].map(yes),
    yes(cgroups === "v2" ? "IOAccounting" : "BlockIOAccounting"),
    // Else it would be stopped before other units at a shutdown, and need them at its start.
    ["DefaultDependencies", { signature: "b", value: false }],
  ];
}
