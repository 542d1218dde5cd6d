/**
 * Programs that stop before a step of their plan, or die there. hutch takes them for the ones that it has
 * kept: a test puts them into a directory of programs of its own, so hutch itself knows nothing of this.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emit } from "../../src/emit/index.ts";
import type { Report } from "../../src/emit/report.ts";
import { hostArch } from "../../src/host/libc.ts";
import { call, exit, jump, label } from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The first descriptor that is preserved: the test's end of a pipe. */
const TEST = 3;

/** Tells the test, and goes no further. */
const STOP: Plan = [
  call("tell the test", "write", [TEST, "x", 1]),
  label("stopped by the test"),
  call("go no further", "ppoll", [0, 0, 0, 0, 0], { errors: { EINTR: "retry" } }),
  jump("stopped by the test"),
];

/** What a process that is killed leaves undone, this leaves undone too. */
const DIE: Plan = [call("tell the test", "write", [TEST, "x", 1]), exit(137, "die for the test")];

export type Way = "stops" | "dies";

/** The same plan, but for what happens before step `index`. */
export const interruptedAt = (plan: Plan, index: number, way: Way): Step[] => [
  ...plan.slice(0, index),
  ...(way === "stops" ? STOP : DIE),
  ...plan.slice(index),
];

/**
 * The step numbers at which a death makes a difference: the calls. Who dies before a step that calls nothing
 * has done the same as who dies before the next call that is reached.
 */
export const callsOf = (plan: Plan): number[] =>
  plan.flatMap((step, index) => (step.kind === "call" ? [index] : []));

/** A directory of programs with one program in it, which can be replaced. */
export interface Cache {
  readonly env: Record<string, string | undefined>;
  readonly replace: (plan: Plan, report: Report) => void;
}

/** The one program that is kept there, once it is there whole. */
const keptIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /^[0-9a-f]+$/.test(name));

/** `fill` is to make hutch keep the one program. */
export async function cacheOf(fill: (env: Cache["env"]) => Promise<void>): Promise<Cache> {
  const directory = join(temporaryDirectory("programs"), "kept");
  mkdirSync(directory, { mode: 0o700 });
  const env = { ...process.env, HUTCH_CACHE: directory };
  await fill(env);
  await eventually(() => keptIn(directory).length > 0);
  const [name, ...more] = keptIn(directory);
  if (name === undefined || more.length > 0) throw new Error(`not one program is kept, but ${name} ${more}`);
  const path = join(directory, name);
  const file = readFileSync(path);
  const header = file.subarray(0, file.indexOf(0x0a) + 1);
  return {
    env,
    replace: (plan, report) => {
      const program = emit(plan, { arch: hostArch(), report });
      writeFileSync(`${path}.new`, Buffer.concat([header, program]), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
  };
}
