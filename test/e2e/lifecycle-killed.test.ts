/** A hutch that is killed in the middle of `create` leaves nothing that `delete --force` does not remove. */
import { expect } from "bun:test";
import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../support/hutch.ts";
import { rootfs } from "../support/rootfs.ts";
import { anyReason, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { childrenOf, freshId, giveTo, withLinux, withProcess } from "./support-inside.ts";
import {
  asRoot,
  change,
  isLive,
  limited,
  type Place,
  place,
  read,
  remains,
  stateOf,
  unavailable,
} from "./support-lifecycle.ts";

type Child = Bun.Subprocess;

const begin = ({ create }: Place, id: string): Child =>
  Bun.spawn([HUTCH, ...create(id)], { stdio: ["ignore", "ignore", "ignore"] });

const children = (pid: number): number[] => {
  try {
    return childrenOf(pid);
  } catch {
    return []; // it has ended
  }
};

/** How a creation is interrupted; it returns when hutch is dead. */
type Interrupt = (child: Child, id: string, where: Place) => Promise<void>;

const end = async (child: Child): Promise<void> => {
  child.kill("SIGKILL");
  await child.exited;
};

/** What there was when hutch was dead, and what there still is after `delete --force`. */
interface Outcome {
  readonly stage: string;
  readonly left: readonly string[];
}

/** How far the creation had come. */
function stageOf(directory: string): string {
  if (!existsSync(directory)) return "nothing";
  const record = read(join(directory, "record.json"));
  if (record === "") return "directory";
  if (!record.includes('"init"')) return "record";
  return record.includes('"isCreated":true') ? "created" : "init";
}

/** Deletes what was interrupted, and tells what is left of it. */
async function interrupted(where: Place, interrupt: Interrupt): Promise<Outcome> {
  const id = freshId();
  await interrupt(begin(where, id), id, where);
  const stage = stageOf(join(where.root, id));
  const { code, stderr } = await where.call("delete", "--force", id);
  return { stage, left: [...(code === 0 ? [] : [`delete: ${code}: ${stderr}`]), ...remains(where, id)] };
}

/** So many rounds, two at a time, because there are waits in each. */
async function rounds(where: Place, interrupts: readonly Interrupt[]): Promise<Outcome[]> {
  const queue = [...interrupts];
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      outcomes.push(await interrupted(where, next));
  };
  await Promise.all([worker(), worker()]);
  return outcomes;
}

const leftOf = (outcomes: readonly Outcome[]): string[] => outcomes.flatMap(({ left }) => left);

/** Milliseconds that a creation takes here. */
async function durationOf(where: Place): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const id = freshId();
    const start = performance.now();
    expect(await begin(where, id).exited).toBe(0);
    times.push(performance.now() - start);
    expect((await where.call("delete", "--force", id)).code).toBe(0);
    expect(remains(where, id)).toEqual([]);
  }
  return Math.max(...times);
}

const after =
  (milliseconds: number): Interrupt =>
  async (child) => {
    await Bun.sleep(milliseconds);
    await end(child);
  };

asRoot(
  "killed at 140 times over its whole run, and at 60 by chance, create leaves nothing behind",
  async () => {
    const where = await place("sleep 1000");
    const duration = 1.3 * (await durationOf(where));
    const systematic = Array.from({ length: 140 }, (_, index) => after((index * duration) / 140));
    const random = Array.from({ length: 60 }, () => after(Math.random() * duration));
    const outcomes = await rounds(where, [...systematic, ...random]);
    expect(leftOf(outcomes)).toEqual([]);
    // The kills were not all too early or too late; how many are not depends on what else the machine does.
    const halfMade = outcomes.filter(({ stage }) => stage === "record" || stage === "init");
    expect(halfMade.length).toBeGreaterThan(5);
  },
  60_000,
);

/** What a creation shows to the outside at some step. */
type Seen = (child: Child, directory: string) => boolean;

/** Spins until something of the creation is to be seen, then kills; or until hutch has ended. */
const when =
  (isSeen: Seen, kill: Interrupt = end): Interrupt =>
  async (child, id, where) => {
    const directory = join(where.root, id);
    while (child.exitCode === null && !isSeen(child, directory)) await Bun.sleep(0);
    await kill(child, id, where);
  };

const hasRecord: Seen = (_, directory) => read(join(directory, "record.json")) !== "";
const hasCreator: Seen = (child) => children(child.pid).length > 0;
const hasInit: Seen = (child) => children(child.pid).some((pid) => children(pid).length > 0);
const hasIdentity: Seen = (_, directory) => read(join(directory, "record.json")).includes('"init"');
const isHandedOver: Seen = (_, directory) =>
  read(join(directory, "record.json")).includes('"isCreated":true');

const STEPS: Readonly<Record<string, Seen>> = {
  "the record is there": hasRecord,
  "the creator runs": hasCreator,
  "init is born": hasInit,
  "init is written down": hasIdentity,
  "init was handed over": isHandedOver,
};

for (const [step, isSeen] of Object.entries(STEPS)) {
  asRoot(
    `killed as soon as ${step}, create leaves nothing behind`,
    async () => {
      const where = await place("sleep 1000");
      expect(
        leftOf(
          await rounds(
            where,
            Array.from({ length: 10 }, () => when(isSeen)),
          ),
        ),
      ).toEqual([]);
    },
    60_000,
  );
}

/** Stops the processes below hutch first: none of them can undo anything by itself. */
const stopBelow: Interrupt = async (child) => {
  child.kill("SIGSTOP");
  const below = children(child.pid).flatMap((pid) => [pid, ...children(pid)]);
  for (const pid of below) if (isLive(pid)) process.kill(pid, "SIGSTOP");
  await end(child);
};

asRoot(
  "what was stopped when hutch was killed is ended, and nothing is left",
  async () => {
    const where = await place("sleep 1000");
    const interrupts = [hasCreator, hasInit, hasIdentity].flatMap((isSeen) =>
      Array.from({ length: 8 }, () => when(isSeen, stopBelow)),
    );
    expect(leftOf(await rounds(where, interrupts))).toEqual([]);
  },
  60_000,
);

asRoot(
  "a delete --force that is killed can be done again, and nothing is left",
  async () => {
    const where = await place("sleep 1000");
    const left: string[] = [];
    for (let round = 0; round < 40; round += 1) {
      const id = freshId();
      await where.ok("create", "--bundle", where.bundle, id);
      await where.ok("start", id);
      const child = Bun.spawn([HUTCH, "--root", where.root, "delete", "--force", id]);
      await Bun.sleep(round);
      await end(child);
      expect((await where.call("delete", "--force", id)).code).toBe(0);
      left.push(...remains(where, id));
    }
    expect(left).toEqual([]);
  },
  60_000,
);

asRoot(
  "delete --force ends a creation that goes on, and hutch tells its caller",
  async () => {
    const where = await place("sleep 1000");
    const left: string[] = [];
    const codes = new Set<number>();
    for (let round = 0; round < 40; round += 1) {
      const id = freshId();
      const child = begin(where, id);
      await Bun.sleep(round * 2);
      expect((await where.call("delete", "--force", id)).code).toBe(0);
      codes.add(await child.exited);
      // It may have been too early.
      expect((await where.call("delete", "--force", id)).code).toBe(0);
      left.push(...remains(where, id));
    }
    expect(left).toEqual([]);
    expect([...codes].filter((code) => code !== 0 && code !== 1 && code !== 137)).toEqual([]);
  },
  60_000,
);

asRoot(
  "a start that is killed has started the container, or has not; and it can be deleted",
  async () => {
    const where = await place("sleep 1000");
    const left: string[] = [];
    const seen = new Set<string>();
    let duration = 0;
    for (let round = 0; round < 40; round += 1) {
      const id = freshId();
      await where.ok("create", "--bundle", where.bundle, id);
      const begun = performance.now();
      const child = Bun.spawn([HUTCH, "--root", where.root, "start", id]);
      // The first is not disturbed, and shows how long a start takes here.
      if (round === 0) {
        await child.exited;
        duration = performance.now() - begun;
      }
      if (round > 0) await Bun.sleep((round / 40) * 1.2 * duration);
      await end(child);
      let { status } = await stateOf(where, id);
      seen.add(status);
      // What was not started can be; init may just be on its way, then this start is too late.
      if (status === "created") await where.call("start", id);
      for (let tries = 0; status !== "running" && tries < 100; tries += 1)
        ({ status } = await stateOf(where, id));
      expect(status).toBe("running");
      await where.ok("delete", "--force", id);
      left.push(...remains(where, id));
    }
    expect(left).toEqual([]);
    expect(seen).toEqual(new Set(["created", "running"]));
  },
  60_000,
);

asRoot(
  "a cgroup that another container has is neither taken nor, after a kill, removed",
  async () => {
    const first = freshId();
    const cgroupsPath = `/hutch-${first}`;
    const where = await place("sleep 1000", (spec) => withLinux({ cgroupsPath })(limited(spec)));
    await where.ok("create", "--bundle", where.bundle, first);
    await where.ok("start", first);
    const { pid } = await stateOf(where, first);
    const second = freshId();
    const refused = await where.call("create", "--bundle", where.bundle, second);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("one that was killed has left it");
    const outcomes = await rounds(where, [
      ...Array.from({ length: 10 }, () => when(hasRecord)),
      ...Array.from({ length: 10 }, () => when(hasCreator)),
    ]);
    expect(leftOf(outcomes)).toEqual([]);
    expect(await stateOf(where, first)).toEqual({ status: "running", pid });
    expect(isLive(pid)).toBeTrue();
    await where.ok("delete", "--force", first);
    expect([...remains(where, first), ...remains(where, second)]).toEqual([]);
  },
  60_000,
);

testUnless(anyReason(unavailable, lacksUserNamespaces()))(
  "an ordinary user's half-made containers go by delete --force, too",
  async () => {
    const { uid, env } = ordinaryUser();
    const as = { uid, gid: uid, env: { ...process.env, ...env } };
    const home = temporaryDirectory("home");
    const program = join(home, "hutch");
    copyFileSync(HUTCH, program);
    const root = join(env.XDG_RUNTIME_DIR, "hutch");
    const files = await rootfs(join(home, "rootfs"));
    giveTo(uid, home, files);
    const spec = Bun.spawnSync([program, "spec", "--rootless", "--bundle", home], as);
    expect(spec.stderr.toString()).toBe("");
    change(home, withProcess({ terminal: false, args: ["sleep", "1000"] }));
    const where = { root, bundle: home };
    const stages = new Set<string>();
    let duration = 0;
    for (let round = 0; round < 60; round += 1) {
      const id = freshId();
      const child = Bun.spawn([program, "create", "--bundle", home, id], {
        ...as,
        stdio: ["ignore", "ignore", "ignore"],
      });
      const begun = performance.now();
      if (round === 0) {
        await child.exited;
        duration = performance.now() - begun;
      }
      if (round > 0) await Bun.sleep((round / 60) * 1.2 * duration);
      await end(child);
      stages.add(stageOf(join(root, id)));
      const { exitCode, stderr } = Bun.spawnSync([program, "delete", "--force", id], as);
      expect([exitCode, stderr.toString()]).toEqual([0, ""]);
      expect(remains(where, id)).toEqual([]);
    }
    // Not all of the kills were too early, or too late.
    expect([...stages]).toContain("created");
    expect(stages.size).toBeGreaterThan(1);
  },
  60_000,
);

/** The living processes that a script of `exec sleep N` has become. */
const sleepers = (seconds: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    const words = read(`/proc/${pid}/cmdline`).split("\0");
    return words[0] === "sleep" && words[1] === seconds && isLive(pid);
  });

const FOREGROUND = {
  "with a cgroup": limited,
  "without one": withLinux({ resources: {} }),
} as const;

for (const [name, how] of Object.entries(FOREGROUND)) {
  asRoot(
    `a run that is killed at any time leaves nothing behind, ${name}`,
    async () => {
      const seconds = `${100_000 + process.pid}${name.length}`;
      const where = await place(`exec sleep ${seconds}`, how);
      const left: string[] = [];
      for (let round = 0; round < 50; round += 1) {
        const id = freshId();
        const child = Bun.spawn([HUTCH, "--root", where.root, "run", "--bundle", where.bundle, id], {
          stdio: ["ignore", "ignore", "ignore"],
        });
        await Bun.sleep(round);
        await end(child);
        expect((await where.call("delete", "--force", id)).code).toBe(0);
        left.push(...remains(where, id), ...sleepers(seconds).map((pid) => `process ${pid} of ${id}`));
      }
      expect(left).toEqual([]);
    },
    60_000,
  );
}
