/**
 * Debian's kernels for the virtual machines of the tests: downloaded and unpacked below dist/, never
 * installed. For another architecture also the few programs that its machine needs.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Architecture } from "../test/support/vm/emulator.ts";
import { kernelDirectory } from "../test/support/vm/kernel.ts";

/** Of the 400 MB of a kernel what the machine may need. */
const OF_KERNEL = [
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

/** What apt is told, so that this machine's own lists stay as they are. */
export const foreign = (architecture: Architecture, directory: string): string =>
  [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::Lists=${directory}/lists`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${directory}/cache`,
  ]
    .map((option) => `-o ${option}`)
    .join(" ");

interface Source {
  /** The options of apt. */
  readonly apt: (directory: string) => string;
  /** Patterns of files by packages, beside those of the kernel. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
}

const SOURCES: Readonly<Record<Architecture, Source>> = {
  amd64: { apt: () => "", packages: {} },
  arm64: {
    apt: (directory) => foreign("arm64", directory),
    packages: { "busybox-static": ["./bin/busybox"] },
  },
};

/** What tar is to unpack of a package; in its patterns "*" stands for slashes too. */
export function fetchScript(apt: string, name: string, patterns: readonly string[]): string {
  const wanted = patterns.map((pattern) => `'${pattern}'`).join(" ");
  return `apt-get ${apt} download -q ${name}
    dpkg-deb --fsys-tarfile ${name}_*.deb | tar -x --wildcards ${wanted}
    rm ${name}_*.deb`;
}

/** linux-image-amd64 only depends on the package with the kernel itself. */
function fetchAll(architecture: Architecture, directory: string): string {
  const { apt, packages } = SOURCES[architecture];
  const options = apt(directory);
  const meta = `linux-image-${architecture}`;
  return `set -e
    mkdir -p lists/partial cache/archives/partial
    name() {
      apt-cache ${options} depends ${meta} 2>/dev/null | sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p'
    }
    [ -n "$(name)" ] || apt-get ${options} update -qq
    kernel=$(name)
    [ -n "$kernel" ] || { echo "apt does not know ${meta}" >&2; exit 1; }
    ${fetchScript(options, "$kernel", OF_KERNEL)}
    ${Object.entries(packages)
      .map(([name, patterns]) => fetchScript(options, name, patterns))
      .join("\n")}
    rm -r lists cache`;
}

/** Fetches a kernel unless it is there; returns what installPackages does. */
export function installKernel(architecture: Architecture = "amd64"): string[] {
  const directory = kernelDirectory(architecture);
  if (existsSync(join(directory, "complete"))) return [];
  const name = `linux-image-${architecture}`;
  return fetchInto(directory, name, (work) => fetchAll(architecture, work));
}

/**
 * Runs a script in a new directory, which then takes the place of `directory`: whole or not at all, because
 * others may use it. Returns what installPackages does.
 */
export function fetchInto(directory: string, name: string, script: (work: string) => string): string[] {
  if (Bun.which("apt-get") === null) return [`${name}: needs apt`];
  mkdirSync(dirname(directory), { recursive: true });
  const work = mkdtempSync(`${directory}.`);
  try {
    console.error(`fetching ${name}`);
    const done = Bun.spawnSync(["sh", "-c", script(work)], {
      cwd: work,
      stdin: "ignore",
      stderr: "pipe",
      timeout: 180_000,
    });
    if (!done.success) return [`${name}: ${done.stderr.toString().trim().split("\n").at(-1) || "failed"}`];
    writeFileSync(join(work, "complete"), "");
    rmSync(directory, { recursive: true, force: true });
    renameSync(work, directory);
    return [];
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
