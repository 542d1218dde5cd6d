/** A machine and containers that are the same in every run, for tests of plans. */
import { PLAIN } from "../../src/container/plan.ts";
import { type Context, type Host, type Launch, makeContext } from "../../src/plan/context.ts";
import { planContainer } from "../../src/plan/order.ts";
import { printPlan } from "../../src/plan/print.ts";
import type { Call, Plan, Step } from "../../src/plan/step.ts";
import { defaultSpec, rootlessSpec } from "../../src/spec/default.ts";
import type { Process, Spec } from "../../src/spec/spec.ts";

const DIRECTORIES = ["/", "/proc", "/sys", "/srv", "/srv/layer", "/dev/mqueue"];
const FILES = ["/dev/null", "/proc/kcore", "/etc/resolv.conf"];

/** Root on an x86_64 machine with few files. */
export const HOST: Host = {
  arch: "x86_64",
  uid: 0,
  gid: 0,
  nested: false,
  kind: (path) => (DIRECTORIES.includes(path) ? "directory" : FILES.includes(path) ? "file" : undefined),
  nofile: { soft: 1024, hard: 4096 },
  bounding: () => (1n << 41n) - 1n,
  hasSecurityModule: () => true,
};

/** An ordinary user on it. */
export const USER: Host = { ...HOST, uid: 1000, gid: 1000 };

export const LAUNCH: Launch = { ...PLAIN, id: () => "box" };

type ProcessPart = Partial<Process>;
type LinuxPart = Partial<NonNullable<Spec["linux"]>>;

const base = defaultSpec();

/** The default spec, its root at /srv, with some parts replaced. */
export const spec = (process: ProcessPart = {}, linux: LinuxPart = {}, rest: Partial<Spec> = {}): Spec => ({
  ...base,
  root: { path: "/srv", readonly: true },
  ...rest,
  process: { cwd: "/", args: ["sh"], terminal: false, ...only(base.process), ...process },
  linux: { ...base.linux, ...linux },
});

/** The default process without a terminal. */
const only = (process: Process | undefined): ProcessPart => ({ ...process, terminal: false });

export const rootless = (): Spec => {
  const own = rootlessSpec(1000, 1000);
  const { process } = own;
  return {
    ...own,
    root: { path: "/srv" },
    ...(process === undefined ? {} : { process: { ...process, terminal: false } }),
  };
};

export const context = (of: Spec = spec(), launch: Partial<Launch> = {}, host: Host = HOST): Context =>
  makeContext(of, host, { ...LAUNCH, ...launch }, undefined);

export const plan = (of?: Spec, launch?: Partial<Launch>, host?: Host): Plan =>
  planContainer(context(of, launch, host));

/** A process of the default spec with some parts replaced. */
export const process = (part: ProcessPart = {}): Process => ({
  cwd: "/",
  args: ["sh"],
  ...only(base.process),
  ...part,
});

export const calls = (steps: readonly Step[]): Call[] =>
  steps.filter((step): step is Call => step.kind === "call");

/** The lines of printed calls, without their reasons and without labels and branches. */
export const lines = (steps: readonly Step[]): string[] =>
  printPlan(steps, "x86_64")
    .split("\n")
    .filter((line) => /^ {4}[a-z0-9_]+\(/.test(line))
    .map((line) => line.trim());

/** Where the first call whose printed line contains `text` stands; throws when there is none. */
export function position(steps: readonly Step[], text: string): number {
  const index = steps.findIndex((step) => step.kind === "call" && (lines([step])[0] ?? "").includes(text));
  if (index < 0) throw new Error(`no call has ${text}`);
  return index;
}

/** The last one. */
export function lastPosition(steps: readonly Step[], text: string): number {
  const index = steps.findLastIndex(
    (step) => step.kind === "call" && (lines([step])[0] ?? "").includes(text),
  );
  if (index < 0) throw new Error(`no call has ${text}`);
  return index;
}
