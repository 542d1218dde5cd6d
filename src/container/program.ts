/** The program of a description: one that was kept, or one that is planned and compiled now. */
import type { Report } from "../emit/report.ts";
import { effectiveUser } from "../host/facts.ts";
import { hostArch } from "../host/libc.ts";
import { type Asked, type Look, look as lookNow, recordingLook } from "../host/look.ts";
import { readLink } from "../host/path.ts";
import type { Plan } from "../plan/step.ts";
import { keep, keptDirectory, keyOf, recall } from "./kept.ts";

export interface Planned {
  readonly plan: Plan;
  /** What has to be known beside the program, also when that was kept. */
  readonly details: string;
  /** False when the plan is good for this once only. */
  readonly isLasting: boolean;
  /** How its program tells of failures, when it is not as the description says. */
  readonly report?: Report;
}

type Warn = (line: string) => void;

export interface Description {
  /** All that the plan is made from and that is not looked up. */
  readonly words: readonly string[];
  readonly report: Report;
  /** Hears what does not keep the container from starting. */
  readonly warn: Warn;
  /** Everything that can be refused is refused here. */
  readonly plan: (look: Look, warn: Warn) => Promise<Planned>;
}

export interface Program {
  readonly bytes: Uint8Array;
  readonly details: string;
  /** The looks at the machine that the program depends upon. */
  readonly asked: readonly Asked[];
  /** What was said to the user. */
  readonly warnings: readonly string[];
  /** What the program was compiled from, to tell of the step that failed. */
  readonly plan: () => Promise<Plan>;
}

/** The program; throws what the planner throws. */
export async function programOf({ words, report, warn, plan }: Description): Promise<Program> {
  const directory = keptDirectory(process.env, effectiveUser());
  const key = directory === undefined ? "" : keyOf([readLink("/proc/self/cwd"), ...words]);
  const kept = directory === undefined ? undefined : recall(directory, key);
  if (kept !== undefined) {
    for (const line of kept.warnings) warn(line);
    const again = async (): Promise<Plan> => (await plan(lookNow, () => {})).plan;
    const { program, details, asked, warnings } = kept;
    return { bytes: program, details, asked, warnings, plan: again };
  }
  const { look, record } = recordingLook();
  const warnings: string[] = [];
  const planned = await plan(look, (line) => {
    warnings.push(line);
    warn(line);
  });
  const { emit } = await import("../emit/index.ts");
  const bytes = emit(planned.plan, { arch: hostArch(), report: planned.report ?? report });
  const { details, isLasting } = planned;
  const looks = record();
  if (directory !== undefined && isLasting) keep(directory, key, bytes, { ...looks, warnings, details });
  return { bytes, details, asked: looks.asked, warnings, plan: async () => planned.plan };
}
