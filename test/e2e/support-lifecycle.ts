/**
 * What the tests of create, start, kill and delete share: a root of their own, and what is left of a
 * container.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../src/spec/spec.ts";
import { HUTCH, type HutchResult, lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { mountsBelow, temporaryDirectory } from "../support/temporary.ts";
import { bundle, type Change, output } from "./support-inside.ts";

export const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
export const asRoot = testUnless(unavailable);

/** A --root directory, and a bundle whose containers are made there. */
export interface Place {
  readonly root: string;
  readonly bundle: string;
  /** Runs hutch with this root. */
  readonly call: (...args: readonly string[]) => Promise<HutchResult>;
  /** The same for what must succeed; gives what it wrote. */
  readonly ok: (...args: readonly string[]) => Promise<string>;
  /** The words of `create` for this bundle. */
  readonly create: (id: string) => string[];
}

/** Limits, so that there is a cgroup. */
export const limited: Change = (spec) => ({
  ...spec,
  linux: { ...spec.linux, resources: { pids: { limit: 50 }, memory: { limit: 64 * 2 ** 20 } } },
});

/**
 * Runs hutch until it ends. What it writes goes to files: of a pipe the container would hold the other end,
 * and it lives on.
 */
async function runDetached(args: readonly string[]): Promise<HutchResult> {
  const directory = temporaryDirectory("output");
  const [out, error] = [join(directory, "stdout"), join(directory, "stderr")];
  const [stdout, stderr] = [openSync(out, "w"), openSync(error, "w")];
  const child = Bun.spawn([HUTCH, ...args], { stdio: ["ignore", stdout, stderr], timeout: 30_000 });
  closeSync(stdout);
  closeSync(stderr);
  const code = await child.exited;
  const signal = child.signalCode === null ? null : String(child.signalCode);
  return { code: signal === null ? code : null, signal, stdout: read(out), stderr: read(error) };
}

export async function place(script: string, change: Change = limited): Promise<Place> {
  const root = join(temporaryDirectory("state"), "root");
  const { directory } = await bundle(script, change);
  const call: Place["call"] = (...args) => runDetached(["--root", root, ...args]);
  return {
    root,
    bundle: directory,
    call,
    ok: async (...args) => output(await call(...args)),
    create: (id) => ["--root", root, "create", "--bundle", directory, id],
  };
}

/** Changes config.json of a bundle that is there. */
export function change(directory: string, how: Change): void {
  const path = join(directory, "config.json");
  const spec: Spec = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify(how(spec)));
}

export function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it is gone
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export const isLive = (pid: number | string): boolean => {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
};

/** The state as `hutch state` prints it. */
export async function stateOf({ ok }: Place, id: string): Promise<{ status: string; pid: number }> {
  const { status, pid }: { status: string; pid: number } = JSON.parse(await ok("state", id));
  return { status, pid };
}

/** Asks until the container is in that state; it throws when it is not so in time. */
export async function reach(where: Place, id: string, status: string): Promise<void> {
  if (await eventually(async () => (await stateOf(where, id)).status === status)) return;
  throw new Error(`${id} has not become ${status} but ${(await stateOf(where, id)).status}`);
}

const HIERARCHIES = "/sys/fs/cgroup";

/** The cgroups below a directory whose names are such. */
function cgroupsBelow(directory: string, isSuch: (name: string) => boolean, depth: number): string[] {
  if (depth === 0) return [];
  return list(directory).flatMap((entry) => {
    const path = join(directory, entry);
    if (isSuch(entry)) return [path];
    // Files have dots in their names, and reading all of them would take long.
    return entry.includes(".") || entry === "tasks" ? [] : cgroupsBelow(path, isSuch, depth - 1);
  });
}

/** The cgroups of the machine whose names are such. */
export const cgroupsNamed = (isSuch: (name: string) => boolean): string[] =>
  cgroupsBelow(HIERARCHIES, isSuch, 4);

/** Until `start` every process of a creation has the container's id, or hutch-ID, among its arguments. */
const processesOf = (id: string): string[] =>
  list("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    const words = read(`/proc/${pid}/cmdline`).split("\0");
    return (words.includes(id) || words.includes(`hutch-${id}`)) && isLive(pid);
  });

/** What is left of a container that was deleted; nothing, if all is well. */
export function remains({ root, bundle: directory }: Pick<Place, "root" | "bundle">, id: string): string[] {
  const name = `hutch-${id}`;
  return [
    ...processesOf(id).map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`),
    ...cgroupsNamed((each) => each === name).map((path) => `cgroup ${path}`),
    ...[...mountsBelow(directory), ...mountsBelow(root)].map((path) => `mount ${path}`),
    ...list(root)
      .filter((entry) => entry.startsWith(id))
      .map((entry) => `state ${entry}`),
  ];
}
