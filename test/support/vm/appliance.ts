/** A virtual machine whose initramfs holds what a test puts there, and nothing else: no busybox, no hutch. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpio, type Entry } from "./cpio.ts";
import { findKernel } from "./kernel.ts";

/** A directory with all that is in it, as entries below `to`. */
export function entriesOf(directory: string, to: string): Entry[] {
  const all: Entry[] = [{ kind: "directory", path: to, mode: 0o755 }];
  for (const item of readdirSync(directory, { withFileTypes: true })) {
    const [from, path] = [join(directory, item.name), `${to}/${item.name}`];
    if (item.isDirectory()) all.push(...entriesOf(from, path));
    else if (item.isSymbolicLink()) all.push({ kind: "link", path, target: readlinkSync(from) });
    else all.push({ kind: "file", path, mode: 0o755, data: readFileSync(from) });
  }
  return all;
}

export interface ApplianceResult {
  /** What came over the console, of the kernel and of its first process. */
  readonly console: string;
  /** False when the machine had to be switched off. */
  readonly isOff: boolean;
}

/** Boots and waits until the machine switches itself off, or begins anew. */
export async function bootAppliance(entries: readonly Entry[], timeout = 100): Promise<ApplianceResult> {
  const kernel = findKernel();
  if (kernel === undefined) throw new Error("no kernel; hint: skip by lacksMachine()");
  const directory = mkdtempSync(join(tmpdir(), "hutch-appliance-"));
  try {
    const archive = join(directory, "initramfs");
    writeFileSync(archive, Buffer.concat(cpio(entries)));
    const options = [
      ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "512"],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", kernel.image, "-initrd", archive, "-append", "console=ttyS0 quiet panic=-1"],
    ];
    const child = Bun.spawn(["qemu-system-x86_64", ...options], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
      timeout: timeout * 1000,
      killSignal: "SIGKILL",
    });
    const [console] = await Promise.all([child.stdout.text(), child.exited]);
    return { console, isOff: child.signalCode === null };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
