/**
 * Runs a cgroup plan on this machine: an emitted program that does what a launcher does, around a shell
 * script.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emit } from "../../src/emit/index.ts";
import { archNamed } from "../../src/linux/arch.ts";
import { CLONE_INTO_CGROUP } from "../../src/linux/sched.ts";
import { SIGNALS } from "../../src/linux/signal.ts";
import { branch, call, exit, guard, label, slot, strings } from "../../src/plan/build.ts";
import type { CgroupPlan } from "../../src/plan/cgroup.ts";
import type { Plan } from "../../src/plan/step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "../../src/plan/struct.ts";
import { type HutchResult, run } from "../support/hutch.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const child = slot("child");

/** Create, clone, enter, sh -c, wait, remove; 125 when something before the removal failed. */
function launch({ create, enter, into, remove }: CgroupPlan, script: string): Plan {
  const args = cloneArgs({
    flags: into === undefined ? 0n : CLONE_INTO_CGROUP,
    exitSignal: SIGNALS.SIGCHLD,
    ...(into === undefined ? {} : { cgroup: into }),
  });
  return [
    guard("undo"),
    ...create,
    call("make the child", "clone3", [args, CLONE_ARGS_SIZE], { into: child }),
    branch(child, "eq", 0, "child"),
    call("wait for the child", "wait4", [child, 0, 0, 0]),
    label("undo"),
    guard(),
    ...remove,
    exit(0, "end"),
    label("child"),
    guard(),
    ...enter,
    call("run the script", "execve", [
      "/bin/sh",
      strings(["sh", "-c", script]),
      strings(["PATH=/usr/bin:/bin"]),
    ]),
  ];
}

let count = 0;

/** The path of a program that runs the script in the cgroup; its first argument is the cgroup's name. */
export function saveProgram(plan: CgroupPlan, script: string): string {
  const file = join(temporaryDirectory("cgroup"), `program-${count++}`);
  const arch = archNamed(process.arch);
  const program = emit(launch(plan, script), { arch, report: { kind: "print", prefix: "test" } });
  writeFileSync(file, program, { mode: 0o755 });
  return file;
}

/** Starts a program; `name` is of the cgroup, and stands for no argument when it is absent. */
export const start = (file: string, name?: string): Promise<HutchResult> =>
  run(name === undefined ? [file] : [file, name], { timeout: 20_000 });

/** What the script printed, and what the program complained about. */
export async function runInCgroup(plan: CgroupPlan, script: string, name?: string): Promise<HutchResult> {
  return start(saveProgram(plan, script), name);
}
