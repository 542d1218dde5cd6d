/** One TypeScript program → one executable, on a copy of Bun that ignores hostile environment variables. */
import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { emit } from "../src/emit/index.ts";
import type { Arch } from "../src/linux/arch.ts";
import type { Plan } from "../src/plan/step.ts";
import type { Successor } from "../src/plan/successor.ts";
import { graft, successorOf } from "./graft.ts";
import { neutralise } from "./neutralise.ts";

const FLAGS = [
  "--compile",
  "--minify",
  "--bytecode",
  // A start loads the code of its own command alone: in one piece, all of it costs 5 ms.
  "--splitting",
  "--format=esm",
  // A .env or bunfig.toml of the current directory must not reach a program that runs as root.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--compile-exec-argv=--disallow-code-generation-from-strings=strict",
];

/**
 * Compiles `entry` to `outfile`, which is replaced in one step, so that a running copy stays whole.
 * `constants` become compile-time strings. `first` is the plan of what runs before Bun, if anything does.
 * Throws with the compiler's output when it fails.
 */
export async function compile(
  entry: string,
  outfile: string,
  constants: Readonly<Record<string, string>>,
  first?: (arch: Arch, bun: Successor) => Plan,
): Promise<void> {
  const runtime = `${outfile}.${process.pid}.bun`;
  const result = `${outfile}.${process.pid}.new`;
  await mkdir(dirname(outfile), { recursive: true });
  try {
    // The copy is changed before the program is put into it, so the program's own text stays as it is.
    const bun = await Bun.file(process.execPath).bytes();
    neutralise(bun);
    await Bun.write(runtime, bun);
    await chmod(runtime, 0o755);
    const defines = Object.entries(constants).flatMap(([name, value]) => [
      "--define",
      `${name}=${JSON.stringify(value)}`,
    ]);
    const args = [...FLAGS, `--compile-executable-path=${runtime}`, ...defines, entry, `--outfile=${result}`];
    const done = Bun.spawnSync([process.execPath, "build", ...args], { stdin: "ignore", stderr: "pipe" });
    if (!done.success) throw new Error(`bun build: ${done.stdout}${done.stderr}`.trim());
    if (first !== undefined) await putBefore(result, first);
    await rename(result, outfile);
  } finally {
    await Promise.all([rm(runtime, { force: true }), rm(result, { force: true })]);
  }
}

/** What graft() changes lies in so many bytes at the start of the file, and what it adds at the end. */
const HEADERS = 4096;

/**
 * Makes a plan the entry of an executable. A Bun that is not bound to fixed addresses (today none is, for
 * x86_64 and aarch64) stays as it is: all it lacks is speed.
 */
async function putBefore(path: string, first: (arch: Arch, bun: Successor) => Plan): Promise<void> {
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const file = await Bun.file(path).bytes();
  const bun = successorOf(file);
  if (bun === undefined) return;
  const report = { kind: "print", prefix: "hutch" } as const;
  const whole = graft(file, emit(first(arch, bun), { arch, report, base: bun.base }), arch);
  // In place: a file that is written anew lies in smaller pieces in the page cache, and starts 1 ms later.
  const handle = await open(path, "r+");
  try {
    await handle.write(whole.subarray(0, HEADERS), 0, HEADERS, 0);
    await handle.write(whole.subarray(file.length), 0, whole.length - file.length, file.length);
  } finally {
    await handle.close();
  }
}
