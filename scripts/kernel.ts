/**
 * Debian's kernel for the virtual machine of the tests: downloaded and unpacked below dist/, never installed.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kernelDirectory } from "../test/support/vm/kernel.ts";

/** Of 400 MB what the machine may need. */
const WANTED = [
  "./boot/vmlinuz-*",
  "./lib/modules/*/kernel/arch/*",
  "./lib/modules/*/kernel/block/*",
  "./lib/modules/*/kernel/crypto/*",
  "./lib/modules/*/kernel/drivers/block/*",
  "./lib/modules/*/kernel/drivers/net/*.ko",
  "./lib/modules/*/kernel/drivers/virtio/*",
  "./lib/modules/*/kernel/fs/*",
  "./lib/modules/*/kernel/lib/*",
  "./lib/modules/*/kernel/net/*",
];

const shell = (script: string, cwd: string) =>
  Bun.spawnSync(["sh", "-c", script], { cwd, stdin: "ignore", stderr: "pipe", timeout: 180_000 });

/** The package with the kernel itself: linux-image-amd64 only depends on it. */
function packageName(): string | undefined {
  const { stdout } = Bun.spawnSync(["apt-cache", "depends", "linux-image-amd64"], { stderr: "ignore" });
  return /Depends: (linux-image-\S+)/.exec(stdout.toString())?.[1];
}

/** Fetches the kernel unless it is there; returns what installPackages does. */
export function installKernel(): string[] {
  const directory = kernelDirectory();
  if (existsSync(join(directory, "complete"))) return [];
  const complaint = fetchKernel(directory);
  return complaint === undefined ? [] : [complaint];
}

function fetchKernel(directory: string): string | undefined {
  if (Bun.which("apt-get") === null) return "linux-image-amd64: needs apt";
  let name = packageName();
  if (name === undefined) {
    shell("apt-get update -qq", "/");
    name = packageName();
  }
  if (name === undefined) return "linux-image-amd64: apt does not know it";
  mkdirSync(dirname(directory), { recursive: true });
  const work = mkdtempSync(`${directory}.`);
  try {
    const download = `apt-get download -q ${name} || { apt-get update -qq && apt-get download -q ${name}; }`;
    const patterns = WANTED.map((pattern) => `'${pattern}'`).join(" ");
    // The patterns of tar let "*" stand for slashes too.
    const unpack = `dpkg-deb --fsys-tarfile ${name}_*.deb | tar -x --wildcards ${patterns} && rm ${name}_*.deb`;
    console.error(`fetching ${name}`);
    const done = shell(`set -e; ${download}; ${unpack}`, work);
    if (!done.success || !readdirSync(work).includes("boot")) {
      return `${name}: ${done.stderr.toString().trim().split("\n").at(-1) || "failed"}`;
    }
    writeFileSync(join(work, "complete"), `${name}\n`);
    rmSync(directory, { recursive: true, force: true });
    renameSync(work, directory);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
