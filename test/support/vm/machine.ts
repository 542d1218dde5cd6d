/**
 * A virtual machine with a kernel of Debian, whose root is an initramfs of busybox, hutch and its libc. It is
 * interpreted (qemu's TCG): everything takes 10 to 50 times as long as on this machine.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lacksHutch } from "../hutch.ts";
import { lacksBusybox } from "../rootfs.ts";
import { anyReason, lacksProgram, type SkipReason } from "../skip.ts";
import { cpio } from "./cpio.ts";
import { type Content, initramfs } from "./initramfs.ts";
import { findKernel, moduleFiles } from "./kernel.ts";

const QEMU = "qemu-system-x86_64";

export interface MachineOptions {
  /** What busybox's sh runs as root; without it, a shell that reads from our terminal. */
  readonly script?: string;
  /** What the machine has beside busybox and hutch, by paths. */
  readonly files?: Readonly<Record<string, Content>>;
  /** What is mounted on /sys/fs/cgroup; "v2" by default. */
  readonly cgroups?: "v1" | "hybrid" | "v2" | "none";
  /** Modules of the kernel to load, with what they need: "overlay". */
  readonly modules?: readonly string[];
  /** MiB, 1024 by default. The initramfs lies in it. */
  readonly memory?: number;
  readonly processors?: number;
  /** Added to the command line of the kernel. */
  readonly append?: string;
  /** Added to the options of qemu. */
  readonly devices?: readonly string[];
  /** Seconds, 120 by default; then the machine is switched off, and it is an error. */
  readonly timeout?: number;
  /** Is given the output as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface MachineResult {
  /** The exit code of the script. */
  readonly code: number;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
  /** What it wrote to /dev/ttyS2. */
  readonly results: string;
  /** What the kernel said. */
  readonly console: string;
}

export function lacksMachine(): SkipReason {
  const kernel = findKernel() === undefined ? "needs the kernel of linux-image-amd64" : undefined;
  return anyReason(lacksProgram(QEMU), lacksBusybox(), lacksHutch(), kernel);
}

function writeInitramfs(path: string, options: MachineOptions, boundary: string): string {
  const kernel = findKernel();
  if (kernel === undefined) throw new Error("no kernel; hint: skip by lacksMachine()");
  const { cgroups = "v2", files = {}, script = "" } = options;
  const modules = moduleFiles(kernel, options.modules ?? []);
  const fd = openSync(path, "w");
  for (const piece of cpio(initramfs({ files, script, modules, boundary, cgroups }))) {
    for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  }
  closeSync(fd);
  return kernel.image;
}

function qemuArguments(directory: string, image: string, options: MachineOptions): string[] {
  const ports = ["file:console", "stdio", "file:results"].flatMap((to) => [
    "-serial",
    to.replace("file:", `file:${directory}/`),
  ]);
  const append = `console=ttyS0 loglevel=4 panic=-1 ${options.append ?? ""}`.trim();
  return [
    ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"],
    ...["-smp", String(options.processors ?? 2), "-m", String(options.memory ?? 1024)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...ports,
    ...["-kernel", image, "-initrd", join(directory, "initramfs"), "-append", append],
    ...(options.devices ?? []),
  ];
}

/** All of a stream as text, each piece also given to `onOutput`, but for the line of the boundary. */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  boundary: string,
  onOutput: MachineOptions["onOutput"],
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let isOver = false;
  for await (const bytes of stream) {
    const piece = decoder.decode(bytes, { stream: true });
    const end = piece.indexOf(boundary);
    if (!isOver) onOutput?.(end < 0 ? piece : piece.slice(0, end));
    isOver ||= end >= 0;
    text += piece;
  }
  return text;
}

/** Boots, runs the script, and switches off. Throws when the machine ends before the script does. */
export async function runInMachine(options: MachineOptions): Promise<MachineResult> {
  const directory = mkdtempSync(join(tmpdir(), "hutch-machine-"));
  const boundary = `end-${crypto.randomUUID()}`;
  try {
    const image = writeInitramfs(join(directory, "initramfs"), options, boundary);
    const child = Bun.spawn([QEMU, ...qemuArguments(directory, image, options)], {
      stdin: options.script === undefined ? "inherit" : "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: (options.timeout ?? 120) * 1000,
      killSignal: "SIGKILL",
    });
    const [all, complaint] = await Promise.all([
      readAll(child.stdout, boundary, options.onOutput),
      child.stderr.text(),
      child.exited,
    ]);
    const kernel = readFileSync(join(directory, "console"), "latin1");
    const end = new RegExp(`${boundary} (\\d+)\\r?\\n`).exec(all);
    if (end === null) {
      const why = child.signalCode === null ? `qemu ended with ${child.exitCode}` : "it took too long";
      throw new Error(
        `the machine: ${why}: ${[complaint, kernel.slice(-2000), all.slice(-2000)].join("\n")}`,
      );
    }
    const results = readFileSync(join(directory, "results"), "utf8");
    return { code: Number(end[1]), output: all.slice(0, end.index), results, console: kernel };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
