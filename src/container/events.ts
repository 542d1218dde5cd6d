/** What a container uses, and what happens to it, as lines of JSON. */
import type { ReadFile } from "../cgroup/read.ts";
import { jsonText, oomKills, statsOf } from "../cgroup/stats.ts";
import { readTextIfExists } from "../host/fd.ts";
import { HutchError } from "../linux/error.ts";
import { type Container, statusOf } from "./state.ts";

/** Reads from whichever of the container's cgroups has the file; what cannot be read is not there. */
export function cgroupReader(directories: readonly string[]): ReadFile {
  return (file) => {
    for (const directory of directories) {
      try {
        const text = readTextIfExists(`${directory}/${file}`);
        if (text !== undefined) return text;
      } catch (error) {
        if (!(error instanceof HutchError)) throw error;
      }
    }
    return undefined;
  };
}

export const statsLine = ({ id, record }: Container): string =>
  `${jsonText({ type: "stats", id, data: statsOf(cgroupReader(record.cgroups)) })}\n`;

/** How often it is looked whether the container runs, and something was killed, in milliseconds. */
const LOOK_MS = 100;

const isThere = ({ root, id, record }: Container): boolean => statusOf(root, id, record) !== "stopped";

/** Tells `tell` a line each interval, and one for each kill for want of memory, until the container has ended. */
export async function follow(
  container: Container,
  intervalMs: number,
  tell: (line: string) => void,
): Promise<void> {
  const read = cgroupReader(container.record.cgroups);
  let killed = oomKills(read);
  let next = Date.now() + intervalMs;
  while (isThere(container)) {
    await Bun.sleep(Math.max(1, Math.min(LOOK_MS, next - Date.now())));
    const now = oomKills(read);
    if (now > killed) tell(`${jsonText({ type: "oom", id: container.id })}\n`);
    killed = now;
    if (Date.now() < next) continue;
    next += intervalMs;
    if (isThere(container)) tell(statsLine(container));
  }
}
