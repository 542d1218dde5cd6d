/**
 * Signals to a container (OCI runtime.md, "Kill"). Every one goes through a pidfd, to a process that is
 * known.
 */
import { writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { O_WRONLY } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { signalProcess } from "./identity.ts";
import { cgroupTree, members } from "./members.ts";
import { unlessGone } from "./process.ts";
import { type Container, requireStatus } from "./state.ts";
import type { Record } from "./store.ts";

/**
 * Sends a signal to the container's first process; throws HutchError when that has ended, and has changed
 * nothing.
 */
export function kill(container: Container, signal: number): void {
  requireStatus(container, "kill", "created", "running", "paused");
  const { id, record } = container;
  if (record.init === undefined || !signalProcess(record.init, signal)) {
    throw new HutchError({ operation: `kill container ${id}`, reason: "container not running" });
  }
  if (signal === SIGNALS.SIGKILL) thaw(record.cgroups);
}

/**
 * Sends a signal to all processes of the container, also when the first has ended: without a pid namespace
 * the others live on. There may be none.
 */
export function killAll(container: Container, signal: number): void {
  requireStatus(container, "kill", "created", "running", "paused", "stopped");
  signalMembers(container.record, signal);
}

/** So often are those looked for that were born while the others were ended. */
const ROUNDS = 1000;

/** Tells every process once; SIGKILL goes on until no new one appears. */
export function signalMembers(record: Record, signal: number): void {
  if (signal === SIGNALS.SIGKILL) killTrees(record.cgroups);
  const told = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = members(record).filter(({ pid, startTime }) => !told.has(`${pid} ${startTime}`));
    for (const each of fresh) {
      told.add(`${each.pid} ${each.startTime}`);
      signalProcess(each, signal);
    }
    if (fresh.length === 0 || signal !== SIGNALS.SIGKILL) break;
  }
  if (signal === SIGNALS.SIGKILL) thaw(record.cgroups);
}

/** Version 2 since 5.14 ends a whole tree at once, also what forks faster than it can be read. */
function killTrees(cgroups: readonly string[]): void {
  writeWhereExists(cgroups, "cgroup.kill", "1");
}

/** A frozen process of version 1 does not even die; in version 2 it does, and nothing need be thawed. */
export function thaw(cgroups: readonly string[]): void {
  const freezers = cgroups.filter((directory) => fileKind(`${directory}/freezer.state`) === "file");
  writeWhereExists(cgroupTree(freezers), "freezer.state", "THAWED");
}

function writeWhereExists(directories: readonly string[], file: string, text: string): void {
  for (const directory of directories) {
    const path = `${directory}/${file}`;
    if (fileKind(path) === "file") unlessGone(() => writeFile(path, text, { flags: O_WRONLY }));
  }
}
