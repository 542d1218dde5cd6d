/** Killed at every step of a plan, by its number, hutch leaves nothing that delete does not remove. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { planBundle } from "../../src/cli/bundle-plan.ts";
import { command } from "../../src/cli/exec.ts";
import { planExec } from "../../src/cli/exec-plan.ts";
import { readOptions } from "../../src/cli/option.ts";
import { load } from "../../src/container/state.ts";
import { close, setNonblock } from "../../src/host/fd.ts";
import { look } from "../../src/host/look.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { syscall } from "../../src/host/syscall.ts";
import { controlDescriptor } from "../../src/plan/creator-control.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { mountsBelow } from "../support/temporary.ts";
import { box as makeBox } from "./support-exec.ts";
import { childrenOf, freshId } from "./support-inside.ts";
import { asRoot, isLive, limited, type Place, place, read } from "./support-lifecycle.ts";
import { type Cache, cacheOf, callsOf, interruptedAt, type Way } from "./support-steps.ts";

const PIPE_REPORT = { kind: "pipe", fd: controlDescriptor(1, "report") } as const;
const PRINT_REPORT = { kind: "print", prefix: "hutch" } as const;
const PATIENCE_MS = 20_000;
const LIMIT_MS = 120_000;

/** Who is killed when the program has stopped at a step: hutch, its child, the child of that. */
const VICTIMS = {
  hutch: (tree: readonly number[]) => tree.slice(0, 1),
  "hutch and its child": (tree: readonly number[]) => tree.slice(0, 2),
  "the child": (tree: readonly number[]) => tree.slice(1, 2),
  "the last of them": (tree: readonly number[]) => tree.slice(-1),
  all: (tree: readonly number[]) => tree,
} as const;
type Victims = keyof typeof VICTIMS;

interface Death {
  readonly index: number;
  readonly way: Way;
  readonly victims: Victims;
}

interface Outcome {
  /** False when the program did not come by that step. */
  readonly isReached: boolean;
  readonly left: readonly string[];
}

/** A process and all that descends from it, each before its children. */
function treeOf(pid: number): number[] {
  try {
    return [pid, ...childrenOf(pid).flatMap(treeOf)];
  } catch {
    return [pid]; // it has ended
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
};

/** What is started, with --preserve-fds 1. */
interface Subject {
  readonly where: Place;
  /** Its words. */
  readonly words: (id: string) => string[];
  readonly plan: Plan;
  readonly report: typeof PIPE_REPORT | typeof PRINT_REPORT;
  /** What is wrong after a death, once everybody has ended who should; called after `undo`. */
  readonly left: (id: string) => Promise<string[]>;
}

/** True once a byte has come, false at the end of the pipe or when hutch has done what it was to do. */
async function isTold(pipe: number, child: Bun.Subprocess): Promise<boolean> {
  const byte = new Uint8Array(new ArrayBuffer(1));
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await Bun.sleep(1)) {
    // Before the look: a byte that was written before the end is still there.
    const isOver = child.exitCode !== null || child.signalCode !== null;
    const length = syscall("read", pipe, byte, 1);
    if (length >= 0 || isOver) return length > 0;
  }
  throw new Error("neither a step nor the end has come");
}

/** Starts hutch with a pipe as descriptor 3, and waits for the step. */
async function startStopped({ words }: Subject, id: string, env: Cache["env"]) {
  const pipe = makePipe("from the program");
  setNonblock(pipe.read, true);
  const child = Bun.spawn([HUTCH, ...words(id)], { env, stdio: ["ignore", "ignore", "ignore", pipe.write] });
  close(pipe.write);
  try {
    return { child, isReached: await isTold(pipe.read, child) };
  } finally {
    close(pipe.read);
  }
}

async function killedAt(subject: Subject, cache: Cache, death: Death): Promise<Outcome> {
  const { index, way, victims } = death;
  const id = freshId();
  cache.replace(interruptedAt(subject.plan, index, way), subject.report);
  const { child, isReached } = await startStopped(subject, id, cache.env);
  const tree = isReached ? treeOf(child.pid) : [child.pid];
  const killed = isReached && way === "stops" ? VICTIMS[victims](tree) : [];
  for (const pid of killed) kill(pid);
  // Who is left may wait for the one that has stopped: delete ends it.
  if (way === "dies" || !isReached || killed.includes(child.pid)) await child.exited;
  const left = await subject.left(id);
  if (!(await eventually(() => !tree.some(isLive), PATIENCE_MS))) {
    left.push(`processes ${tree.filter(isLive)}`);
    for (const pid of tree) kill(pid);
  }
  await child.exited;
  return { isReached, left: left.map((line) => `step ${index}, ${way}, ${victims}: ${line}`) };
}

const WORKERS = 3;

/** All deaths, some at a time, because there are waits in each. */
async function killedAtAll(subject: Subject, deaths: readonly Death[]): Promise<Outcome[]> {
  const queue = [...deaths];
  const outcomes: Outcome[] = [];
  const fill = async (env: Cache["env"]): Promise<void> => {
    const id = freshId();
    const child = Bun.spawn([HUTCH, ...subject.words(id)], { env, stdio: ["ignore", "ignore", "ignore", 2] });
    expect(await eventually(() => child.exitCode !== null || isRunning(subject, id))).toBe(true);
    expect(await subject.left(id)).toEqual([]);
    await child.exited;
  };
  const worker = async (): Promise<void> => {
    const cache = await cacheOf(fill);
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      outcomes.push(await killedAt(subject, cache, next));
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return outcomes;
}

const isRunning = ({ where }: Subject, id: string): boolean => existsSync(`${where.root}/${id}/pid`);

/** Deletes the container; what it says, and what it leaves. */
const deleted =
  (where: Place) =>
  async (id: string): Promise<string[]> => {
    const child = Bun.spawn([HUTCH, "--root", where.root, "delete", "--force", id], { stderr: "pipe" });
    const text = await child.stderr.text();
    const code = await child.exited;
    return [
      ...(code === 0 ? [] : [`delete: ${code}: ${text}`]),
      ...(existsSync(`${where.root}/${id}`) ? [`state ${id}`] : []),
    ];
  };

/** The cgroups of containers that the tests of this process have made. */
const cgroups = (): string[] =>
  [
    ...new Bun.Glob(`{*/,}hutch-e2e-${process.pid}-*`).scanSync({ cwd: "/sys/fs/cgroup", onlyFiles: false }),
  ].sort();

interface Expected {
  readonly reached: number;
}

/** Every death leaves nothing; and enough of them came at a step that there is. */
async function leavesNothing(
  subject: Subject,
  deaths: readonly Death[],
  { reached }: Expected,
): Promise<void> {
  const outcomes = await killedAtAll(subject, deaths);
  expect(outcomes.flatMap(({ left }) => left)).toEqual([]);
  expect(outcomes.filter(({ isReached }) => isReached).length).toBeGreaterThanOrEqual(reached);
  const { root, bundle } = subject.where;
  expect([...cgroups(), ...mountsBelow(bundle), ...mountsBelow(root)]).toEqual([]);
}

const WISH = {
  config: undefined,
  init: false,
  preserveFds: 1,
  noPivot: false,
  keepKeyring: false,
  id: "ID",
} as const;

const planOf = async (where: Place, wish: object): Promise<Plan> =>
  (await planBundle({ ...WISH, bundle: where.bundle, ...wish }, look, () => {})).plan;

const KILLS: readonly (readonly [Way, Victims])[] = [
  ["stops", "hutch"],
  ["stops", "hutch and its child"],
  ["dies", "all"],
  ["stops", "the child"],
  ["stops", "all"],
  ["stops", "the last of them"],
];

/** Every step has one of the ways, in turn; of the steps every n-th is taken. */
const deathsAt = (steps: readonly number[], kills = KILLS, every = 1): Death[] =>
  steps
    .filter((_, count) => count % every === 0)
    .map((index, count) => {
      const [way, victims] = kills[count % kills.length] ?? ["stops", "all"];
      return { index, way, victims };
    });

async function creation(script: string, command: readonly string[]): Promise<Subject> {
  const where = await place(script);
  return {
    where,
    words: (id) => ["--root", where.root, ...command, "--bundle", where.bundle, "--preserve-fds", "1", id],
    plan: await planOf(where, { creates: true, sendsPidfd: false }),
    report: PIPE_REPORT,
    left: deleted(where),
  };
}

asRoot(
  "create, killed at every step by its number, leaves nothing behind",
  async () => {
    const subject = await creation("sleep 1000", ["create"]);
    await leavesNothing(subject, deathsAt(callsOf(subject.plan)), { reached: 200 });
  },
  LIMIT_MS,
);

asRoot(
  "create, killed at every step of undoing what it has made, leaves nothing behind",
  async () => {
    const subject = await creation("sleep 1000", ["create"]);
    const told = subject.plan.findIndex(
      (step) => step.kind === "call" && step.why === "tell hutch the pid of init",
    );
    const fails: Step = { kind: "fail", message: "for the test" };
    const plan = [...subject.plan.slice(0, told + 1), fails, ...subject.plan.slice(told + 1)];
    const [first, last] = ["remove", "init"].map((name) =>
      plan.findIndex((step) => step.kind === "label" && step.name === name),
    );
    const steps = callsOf(plan).filter((index) => index > (first ?? 0) && index < (last ?? 0));
    await leavesNothing({ ...subject, plan }, deathsAt(steps), {
      reached: 3,
    });
  },
  LIMIT_MS,
);

asRoot(
  "run --detach, killed at steps of its creation, leaves nothing behind",
  async () => {
    const subject = await creation("sleep 1000", ["run", "--detach"]);
    await leavesNothing(subject, deathsAt(callsOf(subject.plan), KILLS, 9), { reached: 20 });
  },
  LIMIT_MS,
);

asRoot(
  "run, killed at its steps, leaves nothing behind",
  async () => {
    const where = await place("true");
    const subject: Subject = {
      where,
      words: (id) => ["--root", where.root, "run", "--bundle", where.bundle, "--preserve-fds", "1", id],
      plan: await planOf(where, { notes: "forget" }),
      report: PRINT_REPORT,
      left: deleted(where),
    };
    const kills = [
      ["stops", "hutch"],
      ["dies", "all"],
      ["stops", "all"],
    ] as const;
    await leavesNothing(subject, deathsAt(callsOf(subject.plan), kills, 5), { reached: 40 });
  },
  LIMIT_MS,
);

asRoot(
  "exec, killed at every step of the joiner, leaves the container as it was",
  async () => {
    await using box = await makeBox(limited);
    const container = load(box.root, box.id);
    const words = ["exec", "--preserve-fds", "1", box.id, "/bin/true"];
    const given = readOptions(command, words.slice(1));
    const plan = await planExec({
      container,
      given,
      processText: undefined,
      preserveFds: 1,
      look,
      warn: () => {},
    });
    const [cgroup] = container.record.cgroups;
    const subject: Subject = {
      where: { ...(await place("true")), root: box.root },
      words: () => ["--root", box.root, ...words],
      plan,
      report: PRINT_REPORT,
      left: async () => {
        const pids = (): string => read(`${cgroup}/cgroup.procs`).trim();
        if (await eventually(() => pids() === `${box.pid}`)) return [];
        return [`processes in the container: ${pids()}, its own is ${box.pid}`];
      },
    };
    const kills = [
      ["stops", "all"],
      ["dies", "all"],
    ] as const;
    const outcomes = await killedAtAll(subject, deathsAt(callsOf(plan), kills));
    expect(outcomes.flatMap(({ left }) => left)).toEqual([]);
    expect(outcomes.filter(({ isReached }) => isReached).length).toBeGreaterThan(40);
    expect(await box.shell("echo still here")).toBe("still here\n");
  },
  LIMIT_MS,
);
