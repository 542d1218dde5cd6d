/** The record of a container in the foreground: written by hutch, ended by the program that it becomes. */
import { absolutePath, fileKind } from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { noteArguments } from "../plan/note-arguments.ts";
import { type Draft, recordOf } from "./draft.ts";
import { identify } from "./identity.ts";
import { OOM, PID } from "./launched.ts";
import {
  DEFAULT_ROOT,
  directoryOf,
  forget,
  type Held,
  RECORD,
  type Record,
  reserve,
  write,
} from "./store.ts";

export interface Foreground {
  readonly root: string;
  readonly id: string;
  /** Where the caller wants the pid of init. */
  readonly pidFile: string | undefined;
  /** Where the caller wants to be told how it has ended. */
  readonly report: string | undefined;
}

/**
 * An ordinary user without XDG_RUNTIME_DIR, whose container runs all the same, but cannot be found by its id.
 */
const hasNoPlace = (error: unknown, { root, pidFile }: Foreground): boolean =>
  error instanceof HutchError &&
  ["EACCES", "EROFS"].includes(error.errno ?? "") &&
  root === DEFAULT_ROOT &&
  pidFile === undefined;

/** A cgroup that is there is another's until init is born, which says that the launcher has taken it. */
function unborn(record: Record): Record {
  const taken = record.cgroups.filter((path) => fileKind(path) !== undefined);
  if (taken.length === 0) return record;
  return { ...record, cgroups: record.cgroups.filter((path) => !taken.includes(path)), taken };
}

/** Takes the id, and writes the record; gives the arguments by which the program finds it. */
export function enlist(foreground: Foreground, draft: Draft): string[] {
  const { root, id, pidFile } = foreground;
  const report = foreground.report === undefined ? {} : { report: foreground.report };
  let held: Held;
  try {
    held = reserve(root, id);
  } catch (error) {
    if (hasNoPlace(error, foreground)) return noteArguments(report);
    throw error;
  }
  try {
    const launcher = identify(call("ask for the process id", "getpid"));
    if (launcher === undefined) throw new HutchError({ operation: "read /proc/self/stat", errno: "ENOENT" });
    write(held, { ...unborn(recordOf(draft, id)), launcher });
  } catch (error) {
    forget(held);
    throw error;
  }
  const directory = absolutePath(directoryOf(root, id));
  return noteArguments({
    ...report,
    directory,
    record: `${directory}/${RECORD}`,
    pid: `${directory}/${PID}`,
    oom: `${directory}/${OOM}`,
    ...(pidFile === undefined ? {} : { "new pid file": `${pidFile}.hutch`, "pid file": pidFile }),
  });
}
