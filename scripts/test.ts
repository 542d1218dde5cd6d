/**
 * `npm test`: type check, lint, build, unit tests, end-to-end tests, tests in virtual machines, and whether
 * anything is left on the host. Arguments choose test files by a part of their path; what begins with "-"
 * goes to `bun test`. What was skipped and what failed is told once more at the end; the last line is the
 * total.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { settledDifferences, snapshotHost } from "../test/support/host.ts";
import { build } from "./build.ts";
import { complaintsIn } from "./complaints.ts";
import { installForeignBun } from "./foreign-bun.ts";
import { type Report, readReport } from "./junit.ts";
import { installKernel } from "./kernel.ts";
import { installEngines, installPackages } from "./packages.ts";
import { installSystemdRoot } from "./systemd.ts";

const root = dirname(import.meta.dir);

/** What the tests look through or run; without one, the tests that need it are skipped. */
const PACKAGES = [
  "busybox-static",
  "qemu-user-static",
  "binutils",
  "binutils-aarch64-linux-gnu",
  "util-linux",
  "iproute2",
  "uidmap",
  "erofs-utils",
];

/** Engines that run hutch in their tests; without one, its tests are skipped. */
const ENGINES = ["podman", "catatonit", "containerd", "docker.io", "buildah"];

/** What interprets the virtual machine, and where its tests are; without it, they are skipped. */
const EMULATORS = ["qemu-system-x86", "qemu-system-arm"];
const MACHINE_TESTS = "test/vm/";

/** All of it has to fit into 25 minutes. */
const END = performance.now() + 24 * 60_000;
const UNIT_LIMIT = 8 * 60_000;
const TEST_LIMIT = 120_000;

const total = { passed: 0, failed: 0, skipped: [] as string[], complaints: [] as string[] };

function add(report: Report): void {
  total.passed += report.passed;
  total.failed += report.failed;
  total.skipped.push(...report.skipped);
}

/** Counts one check and prints what is wrong with it, if anything. */
function check(name: string, complaint: string | undefined): boolean {
  if (complaint === undefined) total.passed += 1;
  else total.failed += 1;
  console.log(`(${complaint === undefined ? "pass" : "fail"}) ${name}`);
  if (complaint !== undefined) {
    if (complaint !== "") console.log(complaint);
    total.complaints.push(`${complaint}\n(fail) ${name}`.trim());
  }
  return complaint === undefined;
}

/** Runs a tool; returns what it printed if it failed. */
function complaintOf(command: readonly string[]): string | undefined {
  const done = Bun.spawnSync([...command], { cwd: root, stdin: "ignore", stderr: "pipe" });
  return done.success ? undefined : `${done.stdout}${done.stderr}`.trim();
}

function biome(): string | undefined {
  const colors = process.stdout.isTTY ? "--colors=force" : "--colors=off";
  const program = join(root, "node_modules/@biomejs/biome/bin/biome");
  return complaintOf(["node", program, "ci", "--error-on-warnings", colors]);
}

async function buildComplaint(): Promise<string | undefined> {
  try {
    await build();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Shows what a child prints while it does; returns all of it, without colours. */
async function copyOutput({ stdout, exited }: Bun.Subprocess<"ignore", "pipe", "inherit">): Promise<string> {
  const reader = stdout.getReader();
  // What a test has left running may hold the pipe for ever.
  void exited.then(() => setTimeout(() => reader.cancel(), 1000));
  const decoder = new TextDecoder();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    await Bun.write(Bun.stdout, read.value);
    text += decoder.decode(read.value, { stream: true });
  }
  return Bun.stripANSI(text);
}

/** Runs test files in one process and counts them. */
async function runTests(title: string, files: readonly string[], flags: readonly string[], limit: number) {
  if (files.length === 0) return;
  console.log(`\n${title}`);
  const directory = mkdtempSync(join(tmpdir(), "hutch-report-"));
  const reportFile = join(directory, "junit.xml");
  const reporter = ["--reporter=junit", `--reporter-outfile=${reportFile}`, `--timeout=${TEST_LIMIT}`];
  const paths = files.map((file) => `./${file}`);
  const command = [process.execPath, "test", ...reporter, ...flags, ...paths];
  const colors = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  // One stream, so that a log of stdout alone tells the whole story.
  const child = Bun.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", ...command], {
    cwd: root,
    // No test depends on what an earlier one has started, and nothing is kept on the host.
    env: { ...process.env, ...colors, HUTCH_CACHE: "off" },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: Math.max(1, Math.round(Math.min(limit, END - performance.now()))),
    killSignal: "SIGKILL",
  });
  const log = await copyOutput(child);
  await child.exited;
  const file = Bun.file(reportFile);
  const report = readReport((await file.exists()) ? await file.text() : "");
  rmSync(directory, { recursive: true });
  add(report);
  total.complaints.push(...complaintsIn(log).map(({ text }) => text));
  if (child.exitCode !== 0 && report.failed === 0) {
    const end = child.signalCode === null ? `exit code ${child.exitCode}` : `${child.signalCode}`;
    check(title, `bun test ended with ${end}, but reported no failed test`);
  }
}

/** Splits the arguments into parts of paths and flags of bun test; -t takes a value. */
function splitArguments(args: readonly string[]): { filters: string[]; flags: string[] } {
  const isValue = (index: number) => /^(-t|--test-name-pattern)$/.test(args[index - 1] ?? "");
  const isFlag = (arg: string, index: number) => arg.startsWith("-") || isValue(index);
  return {
    filters: args.filter((arg, index) => !isFlag(arg, index)),
    flags: args.filter((arg, index) => isFlag(arg, index)),
  };
}

function printTotal(): void {
  if (total.skipped.length > 0) console.log(`\nskipped:\n${total.skipped.map((x) => `  ${x}`).join("\n")}`);
  // At the end, because of a long log often only that is kept.
  for (const complaint of total.complaints) console.log(`\n${complaint}`);
  const skipped = total.skipped.length === 0 ? "" : `, ${total.skipped.length} skipped`;
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

async function main(): Promise<void> {
  const { filters, flags } = splitArguments(process.argv.slice(2));
  const all = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root })].sort();
  const files = all.filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
  const isEndToEnd = (file: string) => file.startsWith("test/e2e/");
  const isMachine = (file: string) => file.startsWith(MACHINE_TESTS);
  const missing = [...installPackages(PACKAGES), ...installEngines(ENGINES)];
  if (files.some(isMachine)) {
    missing.push(...installPackages(EMULATORS), ...installKernel("amd64"), ...installKernel("arm64"));
    missing.push(...installSystemdRoot(), ...installForeignBun());
  }
  for (const line of missing) console.log(`not available: ${line}`);

  check("type check", complaintOf([process.execPath, "check", "--no-script"]));
  check("format and lint", biome());
  const isBuilt = check("build", await buildComplaint());

  const before = snapshotHost();
  const unit = files.filter((file) => !isEndToEnd(file) && !isMachine(file));
  await runTests("unit tests", unit, flags, UNIT_LIMIT);
  const needBuild = { "end-to-end tests": isEndToEnd, "tests in virtual machines": isMachine };
  for (const [title, isOne] of Object.entries(needBuild)) {
    const chosen = files.filter(isOne);
    if (isBuilt) await runTests(title, chosen, flags, Number.POSITIVE_INFINITY);
    else total.skipped.push(...chosen.map((file) => `${file} (needs the build)`));
  }
  const left = await settledDifferences(before, 10_000);
  check("nothing is left on the host", left.length === 0 ? undefined : left.join("\n"));
  if (filters.length > 0 && files.length === 0) check(`a test file matches ${filters.join(" ")}`, "");
}

try {
  await main();
} catch (error) {
  check("the test run itself", error instanceof Error ? error.stack : String(error));
}
printTotal();
