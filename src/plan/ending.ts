/** What the launcher tells of a container that has ended, before it removes the cgroup that counted it. */

import { branch, label, set, slot } from "./build.ts";
import type { CgroupCounts } from "./cgroup.ts";
import type { Context } from "./context.ts";
import { readCounts, UNKNOWN } from "./count.ts";
import { writeReport } from "./exit-report.ts";
import { tellMemory } from "./follow.ts";
import { noteOom } from "./note.ts";
import { tellOom } from "./oom.ts";
import type { Slot, Step } from "./step.ts";

type Counter = keyof CgroupCounts;

const COUNTED: Readonly<Record<Counter, Slot>> = {
  oomKills: slot("oom kills"),
  memoryLimit: slot("memory limit"),
  memoryPeak: slot("memory peak"),
  cpuTime: slot("cpu time"),
  pidsPeak: slot("pids peak"),
  bytesRead: slot("bytes read"),
  bytesWritten: slot("bytes written"),
};

const OF_OOM: readonly Counter[] = ["oomKills", "memoryLimit", "memoryPeak", "pidsPeak"];
const OF_REPORT: readonly Counter[] = [...OF_OOM, "cpuTime", "bytesRead", "bytesWritten"];

/** More than any machine has is no limit: version 1 shows LONG_MAX, rounded down to whole pages. */
const NO_LIMIT = 1n << 62n;

/** Both versions tell in words of their own that there is no limit. */
const agreeOnLimit = (): Step[] => [
  branch(COUNTED.memoryLimit, "lt", NO_LIMIT, "memory limit agreed"),
  set(COUNTED.memoryLimit, UNKNOWN),
  label("memory limit agreed"),
];

/** True when memory is limited, and the kernel counts whom it has killed for that. */
const watchesMemory = ({ spec, cgroup }: Context): boolean =>
  (spec.linux?.resources?.memory?.limit ?? 0) > 0 && cgroup?.counts.oomKills !== undefined;

/** Nothing for a container that has neither a limit of memory nor a report. */
export function tellEnding(context: Context): Step[] {
  const { launch, cgroup } = context;
  const isWatched = watchesMemory(context);
  const wanted = launch.reports ? OF_REPORT : isWatched ? OF_OOM : [];
  const counts = wanted.map((name) => [COUNTED[name], cgroup?.counts[name] ?? []] as const);
  return [
    ...readCounts(counts),
    ...(wanted.length === 0 ? [] : agreeOnLimit()),
    ...(isWatched && launch.followed
      ? tellMemory(context, { kills: COUNTED.oomKills, peak: COUNTED.memoryPeak })
      : []),
    ...(isWatched && !launch.followed
      ? tellOom(launch.standalone?.name ?? "hutch", {
          kills: COUNTED.oomKills,
          limit: COUNTED.memoryLimit,
          peak: COUNTED.memoryPeak,
          pids: COUNTED.pidsPeak,
          // The command, and the reaper that waits for it.
          alone: launch.init ? 2 : 1,
        })
      : []),
    ...(isWatched && launch.notes === "keep" ? noteOom(COUNTED.oomKills) : []),
    ...(launch.reports ? writeReport(COUNTED) : []),
  ];
}
