/**
 * `npm run bench`: how long the start of a container takes, beside crun, runc and bubblewrap, on this machine
 * and in one run; prints a table and writes bench/results.json. Options: -n ROUNDS, --only PART_OF_A_NAME (
 * "lifecycle" for that of a container under an engine, "library" for many containers of one process,
 * "limits" for what cgroups add, "compiled" for a compiled file beside one by hand, "warm" for compiles in one
 * process, "hundreds" for five hundred at once, which only who asks for them gets).
 */
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../scripts/build.ts";
import { installPackages } from "../scripts/packages.ts";
import { removeTemporaryDirectories } from "../test/support/temporary.ts";
import { bundle, LIMITS, processFile } from "./bundle.ts";
import { type Case, casesOf } from "./case.ts";
import { compiledTable, compiledTimes } from "./compiled.ts";
import { runtimes } from "./engine.ts";
import { type Hundreds, hundreds } from "./hundreds.ts";
import { libraryResident, throughputs, throughputTable } from "./library.ts";
import {
  type Crowd,
  commands,
  crowd,
  lives,
  partOf,
  shareTable,
  summaryOf,
  waiting,
  working,
} from "./lifecycle.ts";
import { addedByLimits, addedTable, everyLimit } from "./limits.ts";
import { complaintOf, measure, peakMemory, type Resident, resident, type Sample } from "./measure.ts";
import { runInPrivate } from "./private.ts";
import { markdownTable, quantile } from "./statistics.ts";
import { warmCompiles, warmTable } from "./warm.ts";

const TRUE = ["/bin/true"];
const ECHO = ["/bin/echo", "inside"];
const SLEEP = ["/bin/sleep", "1000"];
const PEERS = ["bwrap", "crun run", "runc run"];
const PEAK_ROUNDS = 5;
/** Of --only. */
const LIFECYCLE = "lifecycle";
const HUNDREDS = "hundreds";
const LIMITED = "limits";
const LIBRARY = "library";
const COMPILED = "compiled";
const WARM = "warm";
/** Of measurements that take a second each. */
const FEW = 7;

interface Result {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly p90: number;
  readonly cpu: number;
  readonly peakKibibytes: number;
}

function summary(one: Case, samples: readonly Sample[]): Result {
  const times = samples.map((x) => x.milliseconds);
  const peaks = Array.from({ length: PEAK_ROUNDS }, () => peakMemory(one));
  return {
    name: one.name,
    median: quantile(times, 0.5),
    min: quantile(times, 0),
    p90: quantile(times, 0.9),
    cpu: quantile(
      samples.map((x) => x.cpuMilliseconds),
      0.5,
    ),
    peakKibibytes: quantile(peaks, 0.5),
  };
}

function timeTable(results: readonly Result[]): string {
  const peers = results.filter((result) => PEERS.includes(result.name));
  const head = [
    "process",
    "median ms",
    "min",
    "p90",
    "CPU ms",
    "peak MiB",
    ...peers.map((x) => `of ${x.name}`),
  ];
  const rows = results.map((result) => [
    result.name,
    ...[result.median, result.min, result.p90, result.cpu].map((x) => x.toFixed(2)),
    (result.peakKibibytes / 1024).toFixed(1),
    ...peers.map((peer) => (result.median / peer.median).toFixed(2)),
  ]);
  return markdownTable(head, rows);
}

async function residents(cases: readonly Case[]): Promise<Map<string, Resident>> {
  const found = new Map<string, Resident>();
  for (const one of cases) {
    try {
      found.set(one.name, await resident(one, SLEEP));
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
    }
  }
  return found;
}

/** The life of a container under an engine: prints its tables, and returns what they say. */
async function lifecycle(rounds: number) {
  const [short, long] = [await bundle(TRUE), await bundle(SLEEP)];
  const [shortLimited, limited] = [await bundle(TRUE, LIMITS), await bundle(SLEEP, LIMITS)];
  const all = working(runtimes(), short);
  const measured = lives(all, short, rounds);
  const times = {
    "create, start, wait, delete": partOf(measured, "cycle"),
    "the same, with limits": partOf(lives(all, shortLimited, rounds), "cycle"),
    create: partOf(measured, "create"),
    start: partOf(measured, "start"),
    delete: partOf(measured, "delete"),
    "exec of true": commands(all, long, (id) => ["exec", id, ...TRUE], rounds),
    "the same, by a process file": commands(
      all,
      long,
      (id) => ["exec", "--process", processFile(long, TRUE), "--pid-file", `${long}/pid`, id],
      rounds,
    ),
    "the same, detached, as engines do": commands(
      all,
      long,
      (id) => ["exec", "--process", processFile(long, TRUE), "--detach", "--pid-file", `${long}/pid`, id],
      rounds,
    ),
    update: commands(
      all,
      limited,
      (id) => ["update", "--memory", `${48 * 2 ** 20}`, "--pids-limit", "40", id],
      rounds,
    ),
    "events --stats": commands(all, limited, (id) => ["events", "--stats", id], rounds),
  };
  for (const [title, values] of Object.entries(times)) console.log(`${shareTable(title, values)}\n`);
  const sizes = new Map(all.map((runtime) => [runtime.name, waiting(runtime, long)]));
  const crowds = new Map<string, Crowd>();
  for (const runtime of all) crowds.set(runtime.name, await crowd(runtime, long));
  console.log(
    markdownTable(
      ["", "waiting init, PSS KiB", "100 containers, ms", "running", "left"],
      [...crowds].map(([name, { milliseconds, running, left }]) => [
        name,
        `${sizes.get(name)}`,
        milliseconds.toFixed(0),
        `${running}`,
        `${left}`,
      ]),
    ),
  );
  const summaries = Object.entries(times).map(([title, values]) => [
    title,
    Object.fromEntries([...values].map(([name, samples]) => [name, summaryOf(samples)])),
  ]);
  return {
    times: Object.fromEntries(summaries),
    waitingKibibytes: Object.fromEntries(sizes),
    crowds: Object.fromEntries(crowds),
  };
}

/** Containers of the library beside those of the runtimes: prints the table, and returns what it says. */
async function library(rounds: number) {
  const short = await bundle(TRUE);
  const programs = ["crun", "runc"].filter((name) => Bun.which(name) !== null);
  const all = await throughputs(short, programs, Math.min(rounds, FEW));
  const kibibytes = await libraryResident(short);
  console.log(`${throughputTable(all)}\n\nbeside a container that sleeps: ${kibibytes} KiB (PSS)\n`);
  return { throughputs: Object.fromEntries(all), kibibytes };
}

/** What limits add to a start: prints a table, and returns what it says. */
async function limits(rounds: number) {
  const [plain, limited] = [await bundle(TRUE, "without cgroups"), await bundle(TRUE, everyLimit())];
  const added = addedByLimits(working(runtimes(), plain), plain, limited, rounds);
  console.log(`${addedTable(added)}\n`);
  return Object.fromEntries(added);
}

/** A compiled file beside a program by hand: prints the table, and returns what it says. */
async function compiled(rounds: number) {
  const times = await compiledTimes(rounds);
  console.log(`${compiledTable(times)}\n`);
  return Object.fromEntries([...times].map(([name, values]) => [name, summaryOf(values)]));
}

/** Compiles in one process: prints the table, and returns what it says. */
async function warm(rounds: number) {
  const all = await warmCompiles(rounds);
  console.log(`${warmTable(all)}\n`);
  return Object.fromEntries(all);
}

/** Five hundred containers with limits at once: prints a table, and returns what it says. */
async function manyAtOnce(): Promise<Readonly<Record<string, Hundreds>>> {
  const limited = await bundle(SLEEP, LIMITS);
  const found: Record<string, Hundreds> = {};
  // Their programs are kept, so that a first start would only be the first of them.
  const names = ["hutch", "crun", "runc"];
  for (const runtime of working(runtimes(), await bundle(TRUE)).filter(({ name }) => names.includes(name))) {
    found[runtime.name] = await hundreds(runtime, limited);
  }
  console.log(
    markdownTable(
      [
        "500 at once, with limits",
        "until all run, s",
        "until all are gone, s",
        "PSS of each, KiB",
        "ran",
        "left",
      ],
      Object.entries(found).map(([name, { started, ended, kibibytes, running, left }]) => [
        name,
        ...[started / 1000, ended / 1000].map((seconds) => seconds.toFixed(1)),
        kibibytes.toFixed(0),
        `${running}`,
        `${left}`,
      ]),
    ),
  );
  return found;
}

function versionOf(program: string): string {
  const path = Bun.which(program);
  if (path === null) return "missing";
  return Bun.spawnSync([path, "--version"]).stdout.toString().split("\n")[0] ?? "";
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", short: "n", default: "40" }, only: { type: "string", default: "" } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`-n ${values.rounds}: not a number of rounds`);
  for (const line of installPackages(["crun", "runc", "bubblewrap", "busybox-static", "time"]))
    console.error(line);
  await build();

  const works = new Set<string>();
  for (const one of casesOf(await bundle(ECHO), ECHO)) {
    const complaint = complaintOf(one, "inside\n");
    if (complaint === undefined) works.add(one.name);
    else console.error(`${one.name} is left out: ${complaint}`);
  }
  const isChosen = (one: Case) => works.has(one.name) && one.name.includes(values.only);
  const cases = casesOf(await bundle(TRUE), TRUE).filter(isChosen);
  const samples = measure(cases, rounds, 3);
  const results = cases.map((one) => summary(one, samples.get(one.name) ?? []));
  const sleepers = casesOf(await bundle(SLEEP), SLEEP).filter(isChosen);
  const memory = await residents(sleepers.filter((one) => one.name !== "no container"));

  const versions = Object.fromEntries(["crun", "runc", "bwrap"].map((name) => [name, versionOf(name)]));
  const machine = {
    kernel: release(),
    processors: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    versions,
  };
  console.log(`${rounds} rounds, from spawn to exit, whole processes, in turn\n`);
  if (results.length > 0) console.log(`${timeTable(results)}\n`);
  const rows = [...memory].map(([name, { processes, kibibytes }]) => [name, `${processes}`, `${kibibytes}`]);
  if (rows.length > 0)
    console.log(`${markdownTable(["stays beside a sleeping container", "processes", "PSS KiB"], rows)}\n`);
  const added = values.only === "" || values.only === LIMITED ? await limits(rounds) : undefined;
  const byHand = values.only === "" || values.only === COMPILED ? await compiled(rounds) : undefined;
  const inProcess = values.only === "" || values.only === WARM ? await warm(rounds) : undefined;
  const life = values.only === "" || values.only === LIFECYCLE ? await lifecycle(rounds) : undefined;
  const many = values.only === "" || values.only === LIBRARY ? await library(rounds) : undefined;
  console.log(`\nLinux ${machine.kernel}, ${machine.processors} × ${machine.model}`);
  if (process.env["HUTCH_BENCH_PRIVATE"] !== undefined)
    console.log("cgroup v1 alone, in a private mount namespace");
  console.log(Object.values(versions).join(", "));
  const crowd = values.only === HUNDREDS ? await manyAtOnce() : undefined;
  const report = {
    date: new Date().toISOString(),
    rounds,
    machine,
    results,
    resident: Object.fromEntries(memory),
    limits: added,
    compiled: byHand,
    warm: inProcess,
    lifecycle: life,
    hundreds: crowd,
    library: many,
  };
  await Bun.write(join(import.meta.dir, "results.json"), `${JSON.stringify(report, null, 2)}\n`);
}

try {
  const code = runInPrivate();
  if (code === undefined) await main();
  else process.exitCode = code;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  removeTemporaryDirectories();
}
