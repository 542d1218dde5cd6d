import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Resources } from "../src/spec/resources.ts";
import type { Seccomp } from "../src/spec/seccomp.ts";
import { HUTCH } from "../test/support/hutch.ts";
import { rootfs } from "../test/support/rootfs.ts";
import { temporaryDirectory } from "../test/support/temporary.ts";

interface Config {
  process: { args: string[]; terminal: boolean; [key: string]: unknown };
  linux: { [key: string]: unknown };
  mounts: { type?: string }[];
  [key: string]: unknown;
}

/**
 * The config.json that hutch writes, or where it cannot, the one runc writes; they mean the same
 * container.
 */
async function defaultConfig(directory: string): Promise<Config> {
  const failures: string[] = [];
  for (const program of [HUTCH, "runc"]) {
    const made = Bun.spawnSync([program, "spec"], { cwd: directory, stdin: "ignore", stderr: "pipe" });
    const file = Bun.file(join(directory, "config.json"));
    if (made.success && (await file.exists())) return file.json();
    failures.push(`${program} spec: ${made.stderr.toString().trim()}`);
  }
  throw new Error(failures.join("\n"));
}

/** Limits of every kind that all who are compared have words for, in linux.resources. */
export const LIMITS = {
  memory: { limit: 64 * 2 ** 20 },
  cpu: { shares: 512, quota: 50_000, period: 100_000 },
  pids: { limit: 32 },
  devices: [{ allow: false, access: "rwm" }],
} satisfies Resources;

/**
 * Makes a bundle with a root directory of busybox and a process without a terminal. Without cgroups it
 * neither has limits nor mounts any.
 */
export async function bundle(
  argv: readonly string[],
  resources?: Resources | "without cgroups",
  seccomp?: Seccomp,
): Promise<string> {
  const directory = temporaryDirectory("bench");
  mkdirSync(join(directory, "rootfs"));
  await rootfs(join(directory, "rootfs"));
  const config = await defaultConfig(directory);
  // crun and runc as Debian has them refuse the versions after 1.0.
  config["ociVersion"] = "1.0.2";
  config.process = { ...config.process, args: [...argv], terminal: false };
  if (resources === "without cgroups") {
    config.linux = { ...config.linux, resources: {} };
    config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
  } else if (resources !== undefined) config.linux = { ...config.linux, resources };
  if (seccomp !== undefined) config.linux = { ...config.linux, seccomp };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config, null, 2));
  return directory;
}

/** Writes the process of a bundle with another command into a file of its own, as engines do for `exec`. */
export function processFile(directory: string, argv: readonly string[]): string {
  const config: Config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
  const file = join(directory, "process.json");
  writeFileSync(file, JSON.stringify({ ...config.process, args: argv }));
  return file;
}
