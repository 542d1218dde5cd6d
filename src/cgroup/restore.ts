/** What to write to a file of a cgroup so that it says again what it said before. */
import type { Line } from "./setting.ts";

/** Files of a line for each device, and what takes a line away that was not there. */
const KEYED: readonly (readonly [file: RegExp, nothing: string])[] = [
  [/^io\.max$/, "rbps=max wbps=max riops=max wiops=max"],
  [/^blkio\.throttle\./, "0"],
  [/^(io(\.bfq)?\.weight|blkio\.bfq\.weight_device)$/, "default"],
  [/^net_prio\.ifpriomap$/, "0"],
  [/^rdma\.max$/, "hca_handle=max hca_object=max"],
];

const lineOf = (text: string, key: string): string | undefined =>
  text.split("\n").find((line) => line.startsWith(`${key} `));

/** The lines that undo a line, by the text of the file before it was written. */
export function restoring({ file, text }: Line, before: string): string[] {
  const nothing = KEYED.find(([pattern]) => pattern.test(file))?.[1];
  const space = text.indexOf(" ");
  if (nothing !== undefined) {
    // A weight without a device is everybody's; the file calls it so, or says nothing else.
    const key = space < 0 ? "default" : text.slice(0, space);
    return [lineOf(before, key) ?? (space < 0 ? before : `${key} ${nothing}`)];
  }
  if (file === "memory.oom_control") return [/^oom_kill_disable (\d)/.exec(before)?.[1] ?? "0"];
  // A write of nothing at all is none; an empty list of processors is a line.
  return before === "" ? ["\n"] : before.split("\n");
}
