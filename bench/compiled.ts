/**
 * The compiled file of the default bundle with limits and a seccomp filter, beside the same system calls
 * written by hand in C (container.c), crun, and bubblewrap, which has no cgroups but else the same isolation.
 */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileSeccomp } from "../src/plan/seccomp.ts";
import { defaultSeccomp } from "../src/plan/seccomp-default.ts";
import { defaultSpec } from "../src/spec/default.ts";
import type { Seccomp } from "../src/spec/seccomp.ts";
import { bundle, LIMITS } from "./bundle.ts";
import { type Case, compiledFile, UNSHARE } from "./case.ts";
import { summaryOf } from "./lifecycle.ts";
import { complaintOf, measure } from "./measure.ts";
import { markdownTable } from "./statistics.ts";

const ARCH = "x86_64";
const GCC = ["gcc", "-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie", "-s", "-Wall"];
/** Of its linker: as few pages as the compiled file has. */
const LINK = ["-Wl,-z,noseparate-code", "-Wl,-z,norelro", "-Wl,--build-id=none"];
const BY_HAND = "by hand in C";
const BUBBLEWRAP = "bwrap, no cgroups";
const PEERS = [BY_HAND, "crun run", BUBBLEWRAP];
const WARM_UP = 3;

/** What the bundle has of `hutch spec`. */
const { hostname = "", process: init, linux } = defaultSpec();
const CAPABILITIES = init?.capabilities?.bounding ?? [];

/**
 * hutch's default profile in words that libseccomp takes too: it knows no order of rules, so that what is
 * refused is what no rule allows.
 */
function profile(): Seccomp {
  const { syscalls = [], ...rest } = defaultSeccomp(CAPABILITIES, ARCH);
  return { ...rest, syscalls: syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW") };
}

/** Compiles container.c for a bundle. */
function programByHand(directory: string, argv: readonly string[], filter: Uint8Array): string {
  if (process.arch !== "x64") throw new Error("it is written for x86_64");
  if (Bun.which("gcc") === null) throw new Error("needs gcc");
  const header = [
    `#define ROOT ${JSON.stringify(join(directory, "rootfs"))}`,
    `#define ARGUMENTS ${argv.map((word) => JSON.stringify(word)).join(", ")}`,
    `static const unsigned char FILTER[] __attribute__((aligned(8))) = {${filter.join()}};`,
  ];
  writeFileSync(join(directory, "bundle.h"), `${header.join("\n")}\n`);
  const file = join(directory, "by-hand");
  const made = Bun.spawnSync(
    [...GCC, ...LINK, "-I", directory, "-o", file, join(import.meta.dir, "container.c")],
    { stderr: "pipe" },
  );
  if (!made.success) throw new Error(`gcc: ${made.stderr.toString().trim()}`);
  return file;
}

/** The bundle in bubblewrap's words; the filter is its descriptor 3. */
function bubblewrap(directory: string): string[] {
  const masks = (linux?.maskedPaths ?? [])
    .filter((path) => existsSync(path))
    .flatMap((path) =>
      statSync(path).isDirectory()
        ? ["--tmpfs", path, "--remount-ro", path]
        : ["--ro-bind", "/dev/null", path],
    );
  return [
    ...["bwrap", ...UNSHARE, "--ro-bind", join(directory, "rootfs"), "/", "--proc", "/proc"],
    ...["--dev", "/dev", "--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys", ...masks],
    ...["--hostname", hostname, "--new-session", "--as-pid-1", "--die-with-parent", "--clearenv"],
    ...(init?.env ?? []).flatMap((entry) => {
      const at = entry.indexOf("=");
      return ["--setenv", entry.slice(0, at), entry.slice(at + 1)];
    }),
    ...["--cap-drop", "ALL"],
    ...CAPABILITIES.flatMap((name) => ["--cap-add", name]),
    ...["--seccomp", "3", "--"],
  ];
}

async function casesFor(argv: readonly string[]): Promise<Case[]> {
  const seccomp = profile();
  const directory = await bundle(argv, LIMITS, seccomp);
  const { program } = compileSeccomp(seccomp, ARCH);
  const filter = join(directory, "filter.bpf");
  writeFileSync(filter, program);
  // Beside bubblewrap, which neither makes nor mounts any.
  const without = await bundle(argv, "without cgroups", seccomp);
  const cases: Case[] = [];
  for (const [name, of] of Object.entries({
    "hutch compile": directory,
    "hutch compile, no cgroups": without,
  })) {
    const compiled = compiledFile(of);
    if (compiled === undefined) console.error(`${name} is left out: it made no file`);
    else cases.push({ name, command: () => [compiled] });
  }
  try {
    const byHand = programByHand(directory, argv, program);
    cases.push({ name: BY_HAND, command: () => [byHand] });
  } catch (error) {
    console.error(`${BY_HAND} is left out: ${error instanceof Error ? error.message : error}`);
  }
  const words = [...bubblewrap(directory), ...argv];
  return [
    ...cases,
    { name: "crun run", command: (id) => ["crun", "run", "--bundle", directory, id] },
    { name: BUBBLEWRAP, command: () => words, files: [filter] },
  ];
}

/** Milliseconds of whole processes, by name; who cannot start the bundle is left out by name. */
export async function compiledTimes(rounds: number): Promise<Map<string, number[]>> {
  const works = new Set<string>();
  for (const one of await casesFor(["/bin/echo", "inside"])) {
    const complaint = complaintOf(one, "inside\n");
    if (complaint === undefined) works.add(one.name);
    else console.error(`${one.name} is left out: ${complaint}`);
  }
  const cases = (await casesFor(["/bin/true"])).filter(({ name }) => works.has(name));
  const samples = measure(cases, rounds, WARM_UP);
  return new Map(
    [...samples].map(([name, values]) => [name, values.map(({ milliseconds }) => milliseconds)]),
  );
}

export function compiledTable(times: ReadonlyMap<string, readonly number[]>): string {
  const rows = [...times].map(([name, values]) => ({ name, ...summaryOf(values) }));
  const peers = rows.filter(({ name }) => PEERS.includes(name));
  return markdownTable(
    ["limits, masks and seccomp", "median ms", "min", "p90", ...peers.map(({ name }) => `of ${name}`)],
    rows.map(({ name, median, min, p90 }) => [
      name,
      ...[median, min, p90].map((value) => value.toFixed(2)),
      ...peers.map((peer) => (median / peer.median).toFixed(2)),
    ]),
  );
}
