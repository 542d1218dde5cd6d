/** The state of a container (OCI runtime.md, "State"), worked out from its record and from the kernel. */
import { HutchError } from "../linux/error.ts";
import { coldOf } from "./freezer.ts";
import { isHeld } from "./holders.ts";
import { isAlive } from "./identity.ts";
import { ranOutOfMemory } from "./oom-watch.ts";
import { directoryOf, type Record, read, startSocket } from "./store.ts";

export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** What the kernel says now; a record alone says nothing of a process that may have ended since. */
export function statusOf(root: string, id: string, record: Record | undefined): Status {
  if (record?.init === undefined) return "creating";
  if (!isAlive(record.init)) return "stopped";
  if (!record.isCreated) return "creating";
  // Who has begun its program has closed the socket, also when the hutch that started it could not remove it.
  if (isHeld(startSocket(directoryOf(root, id)))) return "created";
  return coldOf(record.cgroups) === "frozen" ? "paused" : "running";
}

export interface Container {
  readonly root: string;
  readonly id: string;
  readonly record: Record;
  readonly status: Status;
}

/** A container by its id; throws when there is none, or when nothing was written of it yet. */
export function load(root: string, id: string): Container {
  const record = read(root, id);
  if (record === undefined) {
    throw new HutchError({
      operation: `container ${id}`,
      reason: "is being created",
      hint: `if that has failed: hutch delete --force ${id}`,
    });
  }
  return { root, id, record, status: statusOf(root, id, record) };
}

/** Refuses a move that runtime-spec does not allow in this state; nothing has changed then. */
export function requireStatus({ id, status }: Container, what: string, ...allowed: readonly Status[]): void {
  if (allowed.includes(status)) return;
  const words = status === "stopped" ? "container not running" : `container is ${status}`;
  throw new HutchError({
    operation: `${what} container ${id}`,
    reason: `${words}, expected ${allowed.join(" or ")}`,
  });
}

/**
 * The state as the specification writes it (runtime.md, "State"), which allows further properties: `oom` is
 * there, and true, when a container has stopped of which the kernel killed a process for want of memory. It
 * is no annotation, because those are the description's, and handed on to hooks as they are.
 */
export const stateJson = ({ record, status }: Container) => ({
  ociVersion: record.ociVersion,
  id: record.id,
  pid: status === "stopped" || record.init === undefined ? 0 : record.init.pid,
  status,
  bundle: record.bundle,
  rootfs: record.rootfs,
  created: record.created,
  owner: `${record.owner === 0 ? "root" : record.owner}`,
  ...(status === "stopped" && (record.oom || ranOutOfMemory(record.cgroups)) ? { oom: true } : {}),
  ...(Object.keys(record.annotations).length === 0 ? {} : { annotations: record.annotations }),
});
