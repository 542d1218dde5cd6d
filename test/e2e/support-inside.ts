/** What the end-to-end tests of containers share: bundles, and readers of what the kernel reports. */
import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseSpec } from "../../src/spec/parse.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { HUTCH, type HutchOptions, type HutchResult, hutch } from "../support/hutch.ts";
import { rootfs } from "../support/rootfs.ts";
import { lacksProgram, type SkipReason } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** A field of /proc/PID/status, its tabs as single spaces; undefined when it is missing. */
export const status = (text: string, field: string): string | undefined =>
  text
    .split("\n")
    .find((line) => line.startsWith(`${field}:`))
    ?.slice(field.length + 1)
    .trim()
    .replace(/\s+/g, " ");

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountLine {
  readonly id: string;
  readonly parent: string;
  /** The number of the device: "254:0". */
  readonly device: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
  /** "shared:1", "master:1", …. */
  readonly tags: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

export function parseMountinfo(text: string): MountLine[] {
  return text
    .split("\n")
    .filter((line) => / - /.test(line))
    .map((line) => {
      const [left = "", right = ""] = line.split(" - ");
      const [id = "", parent = "", device = "", root = "", point = "", options = "", ...tags] =
        left.split(" ");
      const [type = "", source = "", superOptions = ""] = right.split(" ");
      return {
        id,
        parent,
        device,
        root,
        point,
        options: options.split(","),
        tags: tags.filter((tag) => tag !== ""),
        type,
        source,
        superOptions: superOptions.split(","),
      };
    });
}

/** The topmost mount on a mount point; throws when nothing is mounted there. */
export function mountOn(text: string, point: string): MountLine {
  const found = parseMountinfo(text).findLast((line) => line.point === point);
  if (found === undefined) throw new Error(`nothing is mounted on ${point}:\n${text}`);
  return found;
}

/** The output of a run that must have succeeded; its messages are the error otherwise. */
export function output({ code, signal, stdout, stderr }: HutchResult): string {
  if (code === 0) return stdout;
  throw new Error(`exit code ${code}, signal ${signal}\nstdout: ${stdout}\nstderr: ${stderr}`);
}

/** Runs a shell script in a container of `hutch in` with these options, and gives what it wrote. */
export async function inShell(
  options: readonly string[],
  where: string,
  script: string,
  special: HutchOptions = {},
): Promise<string> {
  return output(await hutch(["in", ...options, where, "--", "/bin/sh", "-c", script], special));
}

/** Why this process could not hand a capability on: not every root has all of them. */
export function lacksCapability(name: string, number: number): SkipReason {
  const held = BigInt(`0x${status(readFileSync("/proc/self/status", "utf8"), "CapBnd") ?? "0"}`);
  return ((held >> BigInt(number)) & 1n) === 1n ? undefined : `needs ${name}`;
}

/** Whether a program's --help knows an option. */
export function lacksOption(program: string, option: string): SkipReason {
  if (lacksProgram(program) !== undefined) return lacksProgram(program);
  const { stdout } = Bun.spawnSync([program, "--help"]);
  return stdout.toString().includes(option) ? undefined : `needs ${program} ${option}`;
}

let shared: Promise<string> | undefined;

/** One root directory for all tests of a file that only read it. */
export const sharedRoot = (): Promise<string> => {
  shared ??= rootfs();
  return shared;
};

/** What a change to the default bundle is given, and gives back. */
export type Change = (spec: Spec) => Spec;

/** The bundle of `hutch spec`, with a shell script for its process. */
export interface Bundle {
  readonly directory: string;
  readonly root: string;
}

/** Writes config.json as `hutch spec` does, then changes it; root.path is `root`, and there is no terminal. */
export async function bundle(
  script: string,
  change: Change = (spec) => spec,
  root?: string,
): Promise<Bundle> {
  const directory = temporaryDirectory("bundle");
  const files = root ?? (await sharedRoot());
  output(await hutch(["spec", "--bundle", directory]));
  const path = join(directory, "config.json");
  const spec = parseSpec(JSON.parse(readFileSync(path, "utf8")));
  const base: Spec = {
    ...spec,
    root: { path: files, readonly: false },
    process: { ...processOf(spec), terminal: false, args: ["/bin/sh", "-c", script] },
  };
  writeFileSync(path, JSON.stringify(change(base)));
  return { directory, root: files };
}

/** The process of a bundle, which the default bundle has. */
export function processOf({ process }: Spec): NonNullable<Spec["process"]> {
  if (process === undefined) throw new Error("the bundle has no process");
  return process;
}

let count = 0;

/** An id that no other container has. */
export const freshId = (): string => {
  count += 1;
  return `e2e-${process.pid}-${count}`;
};

/** Runs a script in a changed default bundle. */
export async function tryBundle(
  script: string,
  change?: Change,
  root?: string,
  special: HutchOptions = {},
): Promise<HutchResult> {
  const { directory } = await bundle(script, change, root);
  return hutch(["run", "--bundle", directory, freshId()], special);
}

/** The same, and gives what it wrote. */
export const inBundle = async (
  script: string,
  change?: Change,
  root?: string,
  special?: HutchOptions,
): Promise<string> => output(await tryBundle(script, change, root, special));

/** Adds mounts to a bundle, after its own. */
export const withMounts =
  (...mounts: NonNullable<Spec["mounts"]>): Change =>
  (spec) => ({ ...spec, mounts: [...(spec.mounts ?? []), ...mounts] });

/** Changes the process of a bundle. */
export const withProcess =
  (change: Partial<NonNullable<Spec["process"]>>): Change =>
  (spec) => ({ ...spec, process: { ...processOf(spec), ...change } });

/** Changes the Linux part of a bundle. */
export const withLinux =
  (change: Partial<NonNullable<Spec["linux"]>>): Change =>
  (spec) => ({ ...spec, linux: { ...spec.linux, ...change } });

/** Makes a bundle's or a root's directory another user's, with all in it. */
export function giveTo(uid: number, ...paths: readonly string[]): void {
  for (const path of paths) chownSync(path, uid, uid);
}

/** A container that runs until it is ended. */
export interface Running {
  /** The host's process id of the container's first process. */
  readonly pid: number;
  readonly launcher: number;
  /** Ends the container and gives what it wrote and the launcher's exit code. */
  end(): Promise<HutchResult>;
}

/** The children of a process, by the host's numbers. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

/** The first process of this name below a process, which itself may be it; 0 as long as there is none. */
export function processBelow(pid: number, name: string): number {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8") === `${name}\n`) return pid;
    for (const child of childrenOf(pid)) {
      const found = processBelow(child, name);
      if (found !== 0) return found;
    }
  } catch {
    // It has ended.
  }
  return 0;
}

/**
 * Starts a container whose script writes a line "ready" and then waits for the end of its standard input; gives
 * it when it is ready.
 */
export async function start(args: readonly string[]): Promise<Running> {
  const child = Bun.spawn([HUTCH, ...args], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let stdout = "";
  const readMore = async (): Promise<boolean> => {
    const { value, done } = await reader.read();
    if (value !== undefined) stdout += decoder.decode(value, { stream: true });
    return !done;
  };
  while (!stdout.includes("ready\n")) {
    if (await readMore()) continue;
    const stderr = await child.stderr.text();
    await child.exited;
    throw new Error(`the container ended before it was ready: ${stdout}${stderr}`);
  }
  const [pid] = childrenOf(child.pid);
  if (pid === undefined) throw new Error("the launcher has no child");
  return {
    pid,
    launcher: child.pid,
    async end() {
      await child.stdin.end();
      while (await readMore());
      const stderr = await child.stderr.text();
      await child.exited;
      const signal = child.signalCode === null ? null : String(child.signalCode);
      return { code: child.exitCode, signal, stdout, stderr };
    },
  };
}
