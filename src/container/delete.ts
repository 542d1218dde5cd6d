/**
 * Deleting a container (OCI runtime.md, "Delete"): its processes end, its cgroups go, and last it is
 * forgotten, so that who is interrupted can begin again. Mounts need no care: they are in the container's
 * mount namespace, and end with it.
 */
import { absolutePath } from "../host/path.ts";
import { errnoOf, failed, syscall } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, AT_REMOVEDIR } from "../linux/fcntl.ts";
import { SIGNALS } from "../linux/signal.ts";
import { holders, isHeld, launchers } from "./holders.ts";
import { awaitEnd, type Identity, isAlive, signalProcess } from "./identity.ts";
import { thaw } from "./kill.ts";
import { unlessGone } from "./process.ts";
import { type Status, statusOf } from "./state.ts";
import { directoryOf, forget, type Held, hold, pathOf, type Record, read, startSocket } from "./store.ts";

/**
 * Ends what is left of a container that has stopped, and forgets it; throws HutchError when it has not
 * stopped.
 */
export async function deleteStopped(root: string, id: string, warn: Warn): Promise<void> {
  const held = hold(root, id);
  const record = read(root, id, held === undefined ? undefined : pathOf(held));
  const status = statusOf(root, id, record);
  if (held === undefined || record === undefined || status !== "stopped") throw notStopped(id, status);
  await remove(held, record, warn);
}

const notStopped = (id: string, status: Status): HutchError =>
  new HutchError({
    operation: `delete container ${id}`,
    reason: `cannot delete container ${id} that is not stopped: ${status}`,
    hint: `hutch delete --force ${id}`,
  });

/**
 * Deletes a container in whatever state, also one that was being made when hutch was killed, and one that is
 * not there.
 */
export async function deleteForced(root: string, id: string, warn: Warn): Promise<void> {
  const held = hold(root, id);
  if (held !== undefined) await remove(held, recordIfAny(held), warn);
}

/** A record that is damaged or just going cannot help. */
function recordIfAny(held: Held): Record | undefined {
  const { root, id } = held;
  try {
    return read(root, id, pathOf(held));
  } catch (error) {
    if (error instanceof HutchError && error.errno === undefined) return undefined;
    throw error;
  }
}

/** Hears of poststop hooks that fail: they change nothing. */
type Warn = (line: string) => void;

async function remove(held: Held, record: Record | undefined, warn: Warn): Promise<void> {
  await end(held, record);
  if (record?.unit !== undefined) {
    // When nothing is in it any more: systemd would ask it to end, and wait.
    const { stopUnit } = await import("./unit.ts");
    stopUnit(record.unit, warn);
  }
  const last = unlessGone(() => recordIfAny(held)) ?? record;
  if (forgetOnce(held) && last !== undefined) await runPoststop(held.root, last, warn);
}

/** Ends all processes of a container, and removes its cgroups. */
export async function end(held: Held, record = recordIfAny(held)): Promise<void> {
  endProcesses(held, record);
  // Read once more: who was ended just now may have written down more.
  await removeAll((unlessGone(() => recordIfAny(held)) ?? record)?.cgroups ?? []);
}

/** Two may delete at once. */
export const forgetOnce = (held: Held): boolean => unlessGone(() => forget(held)) ?? false;

/** The last hooks; a container of which nothing is left has them run once. */
export async function runPoststop(root: string, record: Record, warn: Warn): Promise<void> {
  const { id, hooks } = record;
  const poststop = hooks?.poststop;
  if (poststop === undefined || poststop.length === 0) return;
  const { hookContext, runHooksAndWarn } = await import("./hook.ts");
  await runHooksAndWarn("poststop", poststop, hookContext({ root, id, record, status: "stopped" }), warn);
}

/** In all; a process that is not gone by then waits for a device or a file system. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 2;

/** Ends init, and everybody who is still making it. */
function endProcesses(held: Held, record: Record | undefined): void {
  const { root, id } = held;
  const end = performance.now() + PATIENCE_MS;
  const socket = startSocket(pathOf(held));
  const init = record?.init;
  if (init !== undefined) signalProcess(init, SIGNALS.SIGKILL);
  // Nobody ends who is frozen, and nobody comes to an end who waits for him.
  thaw(record?.cgroups ?? []);
  if (record?.launcher !== undefined) endLauncher(id, record.launcher, init);
  // An init that was born while its launcher was ended has not been told to die with it. Looked for once, as
  // its launcher can make no other, and not insisted upon: anybody may show such arguments, and not end.
  const directory = absolutePath(directoryOf(root, id));
  const orphans = record?.launcher === undefined ? [] : launchers(directory, id);
  for (const process of orphans) signalProcess(process, SIGNALS.SIGKILL);
  while (isHeld(socket)) {
    // Again and again, because the creator may have made init in between.
    const { socket: inode } = unlessGone(() => recordIfAny(held)) ?? {};
    if (inode !== undefined) for (const process of holders(inode)) signalProcess(process, SIGNALS.SIGKILL);
    if (performance.now() > end) throw stays(id, "the processes that create it do");
    thaw(record?.cgroups ?? []);
    Bun.sleepSync(PAUSE_MS);
  }
  for (const process of orphans) endsBy(process, performance.now() + CLEANUP_MS);
  if (init === undefined) return;
  if (!endsBy(init, end)) throw stays(id, `process ${init.pid} does`);
}

/** The launcher of `run` collects its init, undoes what it has made, and ends by itself. */
const CLEANUP_MS = 2000;

function endLauncher(id: string, launcher: Identity, init: Identity | undefined): void {
  const begin = performance.now();
  if (init !== undefined && endsBy(launcher, begin + CLEANUP_MS)) return;
  // It makes init just now, or cannot go on.
  signalProcess(launcher, SIGNALS.SIGKILL);
  if (!endsBy(launcher, begin + PATIENCE_MS)) throw stays(id, `process ${launcher.pid} does`);
}

function endsBy(process: Identity, end: number): boolean {
  while (isAlive(process)) {
    const left = Math.ceil(end - performance.now());
    if (left <= 0) return false;
    awaitEnd(process, left);
  }
  return true;
}

const stays = (id: string, who: string): HutchError =>
  new HutchError({
    operation: `delete container ${id}`,
    reason: `${who} not end within ${PATIENCE_MS / 1000} s of SIGKILL`,
    hint: "a device or a file system may not answer; the container is still written down",
  });

/**
 * Removes the cgroups. A container that has ended leaves them empty, as a rule; only where one is not, what
 * walks through it is loaded.
 */
async function removeAll(paths: readonly string[]): Promise<void> {
  const rest = paths.filter((path) => {
    const result = syscall("unlinkat", AT_FDCWD, path, AT_REMOVEDIR);
    return failed(result) && errnoOf(result) !== "ENOENT";
  });
  if (rest.length === 0) return;
  const { removeCgroups } = await import("./remove-cgroups.ts");
  removeCgroups(rest);
}
