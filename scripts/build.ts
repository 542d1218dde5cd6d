/** `npm run build`: dist/hutch from bin/hutch.ts; does nothing when it was built from the same sources. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../package.json";
import { planEntry } from "../src/plan/entry.ts";
import { compile } from "./compile.ts";

const root = dirname(import.meta.dir);
const outfile = join(root, "dist/hutch");
const keyFile = join(root, "dist/.hutch.key");

/** The commit of the tree, or "unknown" where there is no git or no repository. */
function commit(): string {
  try {
    // The directory is named so that a repository further up, around an unpacked archive, does not answer.
    const git = Bun.spawnSync(["git", `--git-dir=${join(root, ".git")}`, "rev-parse", "HEAD"], {
      stderr: "ignore",
    });
    return git.success ? git.stdout.toString().trim() : "unknown";
  } catch {
    return "unknown";
  }
}

/** A digest of all that the executable is made of. */
async function inputsKey(head: string): Promise<string> {
  const glob = new Bun.Glob("{src,bin}/**/*.{ts,json}");
  const files = [...glob.scanSync({ cwd: root })].sort();
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(`${Bun.version} ${process.arch} ${head}`);
  for (const file of [...files, "package.json", "package-lock.json", "tsconfig.json"]) {
    hasher.update(`\0${file}\0`).update(await Bun.file(join(root, file)).bytes());
  }
  for (const file of ["build.ts", "compile.ts", "graft.ts", "neutralise.ts"]) {
    hasher.update(await Bun.file(join(import.meta.dir, file)).bytes());
  }
  return hasher.digest("hex");
}

/** Builds dist/hutch unless it is up to date; returns whether it did. */
export async function build(): Promise<boolean> {
  const head = commit();
  const key = await inputsKey(head);
  const built = Bun.file(keyFile);
  if (existsSync(outfile) && (await built.exists()) && (await built.text()) === key) return false;
  const constants = { HUTCH_VERSION: manifest.version, HUTCH_COMMIT: head };
  await compile(join(root, "bin/hutch.ts"), outfile, constants, planEntry);
  await Bun.write(built, key);
  return true;
}

if (import.meta.main) {
  try {
    const isNew = await build();
    if (!process.argv.includes("--quiet")) console.log(`dist/hutch: ${isNew ? "built" : "up to date"}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
