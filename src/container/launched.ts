/**
 * The first process of a container in the foreground, of which its launcher has written down the pid alone.
 */
import { readTextIfExists } from "../host/fd.ts";
import { fileKind, fileStatus } from "../host/path.ts";
import { REAPER_NAME } from "../plan/note-arguments.ts";
import { type Identity, isAlive } from "./identity.ts";
import { readVolatile, statOf, unlessGone } from "./process.ts";
import type { Record } from "./store.ts";

/** The file in the directory of the container. */
export const PID = "pid";

/** The file there that says that a process was killed for want of memory. */
export const OOM = "oom";

/** Without a process, and without a start time that one could have. */
const ENDED: Identity = { pid: 0, startTime: "" };

/** What a process executes; undefined when the caller may not know. */
function program(pid: number): string | undefined {
  const status = unlessGone(() => fileStatus(`/proc/${pid}/exe`));
  return status === undefined ? undefined : `${status.device.major}:${status.device.minor}:${status.inode}`;
}

/**
 * Init is made when it has become another program than its launcher is, or a reaper: before that, who enters
 * its namespaces would find the host's files.
 */
function isMade(init: number, launcher: number, name: string): boolean {
  if (name === REAPER_NAME) return true;
  const own = program(init);
  if (own !== undefined) return own !== program(launcher);
  // An ordinary user may not look into who keeps /proc closed, as init does before, and some programs after.
  const arguments_ = (pid: number): string => readVolatile(`/proc/${pid}/cmdline`) ?? "";
  return arguments_(init) !== arguments_(launcher);
}

/** The launcher writes down the pid of an init that was born in its cgroups. */
function withTaken(directory: string, record: Record): Record {
  const { taken, cgroups } = record;
  if (taken === undefined || (readTextIfExists(`${directory}/${PID}`) ?? "") === "") return record;
  return { ...record, cgroups: [...new Set([...cgroups, ...taken])] };
}

/**
 * Completes the record. The pid is good while the launcher lives and is its parent: nobody else can collect
 * init, so that the number cannot pass on.
 */
export function launched(directory: string, written: Record): Record {
  const { launcher } = written;
  if (launcher === undefined) return written;
  const record = withTaken(directory, written);
  if (!isAlive(launcher)) {
    return { ...record, init: ENDED, ...(fileKind(`${directory}/${OOM}`) === "file" ? { oom: true } : {}) };
  }
  const text = readTextIfExists(`${directory}/${PID}`);
  if (text === undefined || text === "") return record;
  const process = statOf(Number(text));
  // Collected by its launcher, which is about to end too.
  if (process?.parent !== launcher.pid || !isAlive(launcher)) return { ...record, init: ENDED };
  const { pid, startTime, name } = process;
  return { ...record, init: { pid, startTime }, isCreated: isMade(pid, launcher.pid, name) };
}
