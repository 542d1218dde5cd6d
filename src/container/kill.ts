/**
 * Signals to a container (OCI runtime.md, "Kill"). Every one goes through a pidfd, to a process that is
 * known.
 */
import { writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { O_WRONLY } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { holdStill } from "./freezer.ts";
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
  const { id, record, status } = container;
  // What the first process of a container in the foreground shows of itself must not keep it from its end.
  const isInForeground = status === "creating" && record.launcher !== undefined;
  if (!isInForeground) requireStatus(container, "kill", "created", "running", "paused");
  if (record.init === undefined || !signalProcess(record.init, signal)) {
    throw new HutchError({ operation: `kill container ${id}`, reason: "container not running" });
  }
  if (signal === SIGNALS.SIGKILL) thaw(record.cgroups);
}

/**
 * Sends a signal to all processes of the container, also when the first has ended: without a pid namespace
 * the others live on. There may be none.
 */
export async function killAll(container: Container, signal: number): Promise<void> {
  requireStatus(container, "kill", "created", "running", "paused", "stopped");
  const { record } = container;
  const isFatal = signal === SIGNALS.SIGKILL;
  const areKilled = isFatal && killTrees(record.cgroups);
  const release = areKilled ? undefined : await holdStill(record.cgroups);
  try {
    tellMembers(record, signal);
  } finally {
    await release?.();
    if (isFatal) thaw(record.cgroups);
  }
}

/** So often are those looked for that were born while the others were told. */
const ROUNDS = 1000;

/** Tells every process once, until no new one appears. */
function tellMembers(record: Record, signal: number): void {
  const told = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = members(record).filter(({ pid, startTime }) => !told.has(`${pid} ${startTime}`));
    if (fresh.length === 0) return;
    for (const each of fresh) {
      told.add(`${each.pid} ${each.startTime}`);
      signalProcess(each, signal);
    }
  }
}

/** Version 2 since 5.14 ends a whole tree at once, also what forks faster than it can be read. */
const killTrees = (cgroups: readonly string[]): boolean => writeWhereExists(cgroups, "cgroup.kill", "1");

/** A frozen process of version 1 does not even die; in version 2 it does, and nothing need be thawed. */
export function thaw(cgroups: readonly string[]): void {
  const freezers = cgroups.filter((directory) => fileKind(`${directory}/freezer.state`) === "file");
  writeWhereExists(cgroupTree(freezers), "freezer.state", "THAWED");
}

/** True when one of the directories has such a file. */
function writeWhereExists(directories: readonly string[], file: string, text: string): boolean {
  const paths = directories.map((directory) => `${directory}/${file}`).filter(isFile);
  for (const path of paths) unlessGone(() => writeFile(path, text, { flags: O_WRONLY }));
  return paths.length > 0;
}

const isFile = (path: string): boolean => fileKind(path) === "file";
