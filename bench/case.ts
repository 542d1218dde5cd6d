/**
 * What is measured: the commands, each of which starts one container (or none, as a floor) and waits for
 * it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../test/support/hutch.ts";

export interface Case {
  readonly name: string;
  /** The command; `id` is new for every run. */
  readonly command: (id: string) => readonly string[];
  /** Files that it reads as descriptor 3 and those that follow. */
  readonly files?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The bundle's namespaces, as bubblewrap says them. */
export const UNSHARE = [
  "--unshare-ipc",
  "--unshare-pid",
  "--unshare-net",
  "--unshare-uts",
  "--unshare-cgroup-try",
];

/** The same namespaces and mounts as the bundle, as far as bubblewrap has words for them. */
export function bubblewrap(rootfs: string): string[] {
  const mounts = ["--ro-bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const rest = ["--hostname", "hutch", "--cap-drop", "ALL", "--die-with-parent", "--"];
  return ["bwrap", ...UNSHARE, ...mounts, ...rest];
}

/**
 * The container as a program of its own, which needs neither Bun nor hutch; undefined when it cannot be
 * made.
 */
export function emittedProgram(bundle: string): string | undefined {
  const file = join(bundle, "container");
  const made = Bun.spawnSync([HUTCH, "explain", "--bundle", bundle, "--output", file], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return made.success && existsSync(file) ? file : undefined;
}

/** The container as a file that runs on any machine; undefined when it cannot be made. */
export function compiledFile(bundle: string): string | undefined {
  const file = join(bundle, "compiled");
  const made = Bun.spawnSync([HUTCH, "compile", "--strip", "--bundle", bundle, "--output", file], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return made.success && existsSync(file) ? file : undefined;
}

/** Every case for a bundle whose process is `argv`; the floor is `argv` itself, outside of any container. */
export function casesOf(bundle: string, argv: readonly string[]): Case[] {
  const rootfs = join(bundle, "rootfs");
  const emitted = emittedProgram(bundle);
  const compiled = compiledFile(bundle);
  const [program = "", ...args] = argv;
  // A bundle that was started before has its program kept; both starts are measured.
  const first = { HUTCH_CACHE: "off" };
  const kept = { HUTCH_CACHE: join(bundle, "programs") };
  const run = (id: string): string[] => [HUTCH, "run", "--bundle", bundle, id];
  const inHost = (): string[] => [HUTCH, "in", "/", "--", ...argv];
  const all: (Case | undefined)[] = [
    { name: "no container", command: () => [join(rootfs, program), ...args] },
    emitted === undefined ? undefined : { name: "emitted program", command: () => [emitted] },
    compiled === undefined ? undefined : { name: "compiled file", command: () => [compiled] },
    { name: "hutch run", command: run, env: kept },
    { name: "hutch run, first start", command: run, env: first },
    { name: "hutch in /", command: inHost, env: kept },
    { name: "hutch in /, first start", command: inHost, env: first },
    { name: "bwrap", command: () => [...bubblewrap(rootfs), ...argv] },
    { name: "crun run", command: (id) => ["crun", "run", "--bundle", bundle, id] },
    { name: "runc run", command: (id) => ["runc", "run", "--bundle", bundle, id] },
  ];
  return all.filter((one) => one !== undefined);
}
