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
import { type Architecture, EMULATORS } from "./emulator.ts";
import { type Content, hutchFiles, initramfs } from "./initramfs.ts";
import { findKernel, moduleFiles } from "./kernel.ts";

export interface MachineOptions {
  /** "amd64" by default; another machine has no hutch, but what hutch has compiled for it. */
  readonly architecture?: Architecture;
  /** What busybox's sh runs as root; without it, a shell that reads from our terminal. */
  readonly script?: string;
  /** What the machine has beside busybox and hutch, by paths. */
  readonly files?: Readonly<Record<string, Content>>;
  /** What is mounted on /sys/fs/cgroup; "v2" by default. Systemd, of systemdFiles(), mounts it itself. */
  readonly cgroups?: "v1" | "hybrid" | "v2" | "none" | "systemd";
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
  /** What it wrote to the device $RESULTS (on amd64 /dev/ttyS2). */
  readonly results: string;
  /** What the kernel said. */
  readonly console: string;
}

export function lacksMachine(architecture: Architecture = "amd64"): SkipReason {
  const reason = `needs the kernel of linux-image-${architecture}`;
  const kernel = findKernel(architecture) === undefined ? reason : undefined;
  return anyReason(lacksProgram(EMULATORS[architecture].program), lacksBusybox(), lacksHutch(), kernel);
}

function writeInitramfs(path: string, options: MachineOptions, boundary: string): string {
  const { architecture = "amd64", cgroups = "v2", files = {}, script = "" } = options;
  const kernel = findKernel(architecture);
  const busybox = EMULATORS[architecture].busybox();
  if (kernel === undefined || busybox === undefined) {
    throw new Error("no kernel or no busybox; hint: skip by lacksMachine()");
  }
  const [output, results] = EMULATORS[architecture].ports;
  const modules = moduleFiles(kernel, options.modules ?? []);
  const settings = {
    BOUNDARY: boundary,
    CGROUPS: cgroups,
    OUTPUT: `/dev/${output}`,
    RESULTS: `/dev/${results}`,
  };
  const programs = architecture === "amd64" ? hutchFiles() : {};
  const fd = openSync(path, "w");
  for (const piece of cpio(
    initramfs({ files: { ...programs, ...files }, script, modules, settings, busybox }),
  )) {
    for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  }
  closeSync(fd);
  return kernel.image;
}

function qemuArguments(directory: string, image: string, options: MachineOptions): string[] {
  const emulator = EMULATORS[options.architecture ?? "amd64"];
  // Where the host is busy, the kernel of a PC would find its timer dead.
  const append =
    `console=${emulator.console} no_timer_check loglevel=4 panic=-1 ${options.append ?? ""}`.trim();
  return [
    ...[...emulator.machine, "-accel", "tcg,thread=multi"],
    ...["-smp", String(options.processors ?? 2), "-m", String(options.memory ?? 1024)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...emulator.serial(directory),
    ...["-kernel", image, "-initrd", join(directory, "initramfs"), "-append", append],
    ...(options.devices ?? []),
  ];
}

/** How much of the end of a text may be the beginning of the boundary. */
function pending(text: string, boundary: string): number {
  const lengths = Array.from({ length: boundary.length }, (_, index) => boundary.length - index);
  return lengths.find((length) => text.endsWith(boundary.slice(0, length))) ?? 0;
}

/** All of a stream as text; what comes before the boundary is also given to `onOutput`, piece by piece. */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  boundary: string,
  onOutput: MachineOptions["onOutput"],
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let shown = 0;
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    const end = text.indexOf(boundary, shown);
    const until = end < 0 ? text.length - pending(text, boundary) : end;
    if (until > shown) onOutput?.(text.slice(shown, until));
    shown = end < 0 ? until : text.length;
  }
  return text;
}

/** Boots, runs the script, and switches off. Throws when the machine ends before the script does. */
export async function runInMachine(options: MachineOptions): Promise<MachineResult> {
  const directory = mkdtempSync(join(tmpdir(), "hutch-machine-"));
  const boundary = `end-${crypto.randomUUID()}`;
  try {
    const image = writeInitramfs(join(directory, "initramfs"), options, boundary);
    const { program } = EMULATORS[options.architecture ?? "amd64"];
    const child = Bun.spawn([program, ...qemuArguments(directory, image, options)], {
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
