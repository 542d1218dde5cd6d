/** What a container uses, and what happens to it, as lines of JSON. */
import { pageSizeName } from "../cgroup/huge-pages.ts";
import { jsonText } from "../cgroup/json.ts";
import type { ReadFile } from "../cgroup/read.ts";
import { statsOf } from "../cgroup/stats.ts";
import { close, readTextIfExists } from "../host/fd.ts";
import { listDirectory } from "../host/path.ts";
import { poll } from "../host/poll.ts";
import { HutchError } from "../linux/error.ts";
import { POLLIN, POLLPRI } from "../linux/poll.ts";
import { openProcess } from "./identity.ts";
import { watchOom } from "./oom-watch.ts";
import { unlessGone } from "./process.ts";
import type { Container } from "./state.ts";

/** The text of a file; what cannot be read is not there. */
function textOf(path: string): string | undefined {
  try {
    return readTextIfExists(path);
  } catch (error) {
    if (error instanceof HutchError) return undefined;
    throw error;
  }
}

/** Files of version 2 that need no controller: where version 1 has the controller they lie elsewhere. */
const isCore = (file: string): boolean => file.startsWith("cgroup.") || file.endsWith(".pressure");

/**
 * Reads from whichever of the container's cgroups has the file. All files of a controller are in one
 * directory, so that only the first of them is looked for.
 */
export function cgroupReader(directories: readonly string[]): ReadFile {
  const places = new Map<string, string>();
  return (file) => {
    const controller = file.slice(0, file.indexOf("."));
    const known = isCore(file) ? undefined : places.get(controller);
    for (const directory of known === undefined ? directories : [known]) {
      const text = textOf(`${directory}/${file}`);
      if (text === undefined) continue;
      if (!isCore(file)) places.set(controller, directory);
      return text;
    }
    return undefined;
  };
}

/** The sizes of huge pages that this machine has. */
const pageSizes = (): string[] =>
  (unlessGone(() => listDirectory("/sys/kernel/mm/hugepages")) ?? []).flatMap(
    ({ name }) => pageSizeName(name) ?? [],
  );

export const statsLine = ({ id, record }: Container): string =>
  `${jsonText({ type: "stats", id, data: statsOf(cgroupReader(record.cgroups), pageSizes()) })}\n`;

/** Throws a HutchError for a container of which nothing is counted: zeros would be taken for what it uses. */
export function requireCgroup({ id, record }: Container): void {
  if (record.cgroups.length > 0) return;
  throw new HutchError({
    operation: `events of ${id}`,
    reason: "it has no cgroup, and nothing counts what it uses",
    hint: "linux.cgroupsPath or a limit gives it one, for an ordinary user where one is delegated (version 2)",
  });
}

/** How often the count of kills is asked for where nothing wakes, in milliseconds. */
const LOOK_MS = 100;

/** Tells `tell` a line each interval, and one for each kill for want of memory, until the container has ended. */
export function follow(container: Container, intervalMs: number, tell: (line: string) => void): void {
  const { id, record } = container;
  const init = record.init === undefined ? undefined : openProcess(record.init);
  if (init === undefined) return;
  const watch = watchOom(record.cgroups);
  const wanted = [
    { fd: init, events: POLLIN },
    ...(watch.wakes === undefined ? [] : [{ fd: watch.wakes, events: POLLPRI }]),
  ];
  try {
    let told = watch.count();
    for (let next = Date.now() + intervalMs, hasEnded = false; !hasEnded; ) {
      const left = next - Date.now();
      const [ended = 0] = poll(wanted, watch.wakes === undefined ? Math.min(LOOK_MS, left) : left);
      hasEnded = ended !== 0;
      // Also after the end: the first process itself may have been killed.
      for (const killed = watch.count(); told < killed; told += 1n)
        tell(`${jsonText({ type: "oom", id })}\n`);
      if (hasEnded || Date.now() < next) continue;
      next += intervalMs;
      tell(statsLine(container));
    }
  } finally {
    watch.close();
    close(init);
  }
}
