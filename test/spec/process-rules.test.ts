import { describe, expect, test } from "bun:test";
import type { Process } from "../../src/spec/process.ts";
import { processRules } from "../../src/spec/process-rules.ts";
import { problemsOf } from "./problem.ts";

/** The fields that are refused. */
const refused = (part: Partial<Process>): string[] =>
  problemsOf(processRules, { process: { cwd: "/", args: ["sh"], ...part } }).map(
    (line) => line.split(":")[0]?.replace("process.", "") ?? "",
  );

type Scheduler = NonNullable<Process["scheduler"]>;

const rlimit = (soft: number | bigint, hard: number | bigint): Partial<Process> => ({
  rlimits: [{ type: "RLIMIT_CORE", soft, hard }],
});

const LIMITS: readonly (readonly [
  what: string,
  taken: Partial<Process>,
  beyond: Partial<Process>,
  field: string,
])[] = [
  ["uid", { user: { uid: 4294967294 } }, { user: { uid: 4294967295 } }, "user.uid"],
  ["gid", { user: { gid: 4294967294 } }, { user: { gid: 4294967295 } }, "user.gid"],
  [
    "further group",
    { user: { additionalGids: [0, 4294967294] } },
    { user: { additionalGids: [0, 4294967295] } },
    "user.additionalGids[1]",
  ],
  ["umask", { user: { umask: 0o777 } }, { user: { umask: 0o1000 } }, "user.umask"],
  ["low oomScoreAdj", { oomScoreAdj: -1000 }, { oomScoreAdj: -1001 }, "oomScoreAdj"],
  ["high oomScoreAdj", { oomScoreAdj: 1000 }, { oomScoreAdj: 1001 }, "oomScoreAdj"],
  ["soft limit", rlimit(5, 5), rlimit(6, 5), "rlimits[0].soft"],
  [
    "soft limit above 2^53",
    rlimit(18446744073709551614n, 18446744073709551615n),
    rlimit(18446744073709551615n, 18446744073709551614n),
    "rlimits[0].soft",
  ],
  [
    "priority of I/O",
    { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 7 } },
    { ioPriority: { class: "IOPRIO_CLASS_BE", priority: -1 } },
    "ioPriority.priority",
  ],
  [
    "console",
    { terminal: true, consoleSize: { height: 65535, width: 65535 } },
    { terminal: true, consoleSize: { height: 65536, width: 65535 } },
    "consoleSize.height",
  ],
];

describe("the last value is taken, and not one beyond it", () => {
  for (const [what, taken, beyond, field] of LIMITS) {
    test(what, () => {
      expect(refused(taken)).toEqual([]);
      expect(refused(beyond)).toEqual([field]);
    });
  }
});

const SCHEDULERS: readonly (readonly [what: string, scheduler: Scheduler, fields: readonly string[]])[] = [
  ["a nice value", { policy: "SCHED_OTHER", nice: -20 }, []],
  ["a nice value below −20", { policy: "SCHED_OTHER", nice: -21 }, ["nice"]],
  ["a real-time priority", { policy: "SCHED_RR", priority: 99 }, []],
  ["a real-time priority of 100", { policy: "SCHED_RR", priority: 100 }, ["priority"]],
  ["real time without priority", { policy: "SCHED_FIFO" }, ["priority"]],
  ["a deadline", { policy: "SCHED_DEADLINE", runtime: 1024, deadline: 1024, period: 1024 }, []],
  [
    "a deadline whose period is its deadline",
    { policy: "SCHED_DEADLINE", runtime: 1024, deadline: 2048 },
    [],
  ],
  ["too short a runtime", { policy: "SCHED_DEADLINE", runtime: 1023, deadline: 1024 }, ["runtime"]],
  [
    "a period that ends before the deadline",
    { policy: "SCHED_DEADLINE", runtime: 1024, deadline: 2048, period: 2047 },
    ["period"],
  ],
  [
    "times of another policy",
    { policy: "SCHED_IDLE", runtime: 1, deadline: 1, period: 1 },
    ["runtime", "deadline", "period"],
  ],
];

describe("a scheduler is judged as sched_setattr would", () => {
  for (const [what, scheduler, fields] of SCHEDULERS) {
    test(`${what}: ${fields.join(", ") || "taken"}`, () => {
      expect(refused({ scheduler })).toEqual(fields.map((field) => `scheduler.${field}`));
    });
  }
});
