/**
 * Makes src/container/plan-lines.ts: the lines that the plans of usual files have, told once here and not in
 * each file. Files refer to them by their number for ever: a list that was in a release stays as it is, and
 * another one takes a module and a name of a note (container/plan-note.ts) of its own.
 *
 *   bun scripts/generate-plan-lines.ts
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const LIMITS = {
  memory: { limit: 2 ** 26 },
  cpu: { shares: 512, quota: 50_000, period: 100_000 },
  pids: { limit: 32 },
};
/** What the directory of the bundle is called in the lines. */
const DIRECTORY = "/bundle";

function hutch(directory: string, ...args: readonly string[]): string {
  const command = [process.execPath, join(root, "bin/hutch.ts"), ...args];
  const { success, stdout, stderr } = Bun.spawnSync(command, { cwd: directory });
  if (!success) throw new Error(`hutch ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}

/** The lines of the plan of a compiled file. */
function linesOf(directory: string, ...args: readonly string[]): string[] {
  hutch(directory, "compile", ...args, "-o", "box");
  return hutch(directory, "explain", "./box").replaceAll(directory, DIRECTORY).trimEnd().split("\n");
}

async function bundleLines(directory: string, isLimited: boolean, terminal: boolean): Promise<string[]> {
  const file = join(directory, "config.json");
  rmSync(file, { force: true });
  hutch(directory, "spec");
  const spec = await Bun.file(file).json();
  spec.process.terminal = terminal;
  if (isLimited) spec.linux.resources = LIMITS;
  writeFileSync(file, JSON.stringify(spec));
  return linesOf(directory, "--bundle", ".");
}

async function allLines(directory: string): Promise<string[]> {
  mkdirSync(join(directory, "rootfs"));
  const limits = ["--memory", "64m", "--cpus", "0.5", "--pids", "32", "--cap-drop", "all"];
  const plans = [
    await bundleLines(directory, true, true),
    await bundleLines(directory, false, true),
    await bundleLines(directory, true, false),
    await bundleLines(directory, false, false),
    linesOf(directory, ...limits, "./rootfs", "/bin/server"),
    linesOf(directory, "./rootfs", "/bin/server"),
  ];
  const [first = [], ...others] = plans;
  const lines = [...first];
  const known = new Set(lines);
  for (const line of others.flat()) {
    if (!known.has(line)) lines.push(line);
    known.add(line);
  }
  return lines;
}

/** The text of the module. */
const linesModule = (lines: readonly string[]): string =>
  [
    "/**",
    " * Generated, do not edit: bun scripts/generate-plan-lines.ts",
    " *",
    " * Lines of the plans of usual files. Notes of files refer to them for ever.",
    " */",
    "",
    "// biome-ignore format: a table",
    "export const PLAN_LINES: readonly string[] = [",
    ...lines.map((line) => `  ${JSON.stringify(line)},`),
    "];",
    "",
  ].join("\n");

async function generate(file: string): Promise<void> {
  // What compiles files reads the list.
  if (!existsSync(file)) await Bun.write(file, linesModule([]));
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "hutch-lines-")));
  try {
    await Bun.write(file, linesModule(await allLines(directory)));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) await generate(join(root, "src/container/plan-lines.ts"));
