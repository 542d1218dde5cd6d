/** How long a process that has compiled before takes for the file of a bundle, and how large that file is. */
import { compile } from "../src/container/compile.ts";
import { defaultSeccomp } from "../src/plan/seccomp-default.ts";
import { defaultSpec } from "../src/spec/default.ts";
import type { Seccomp } from "../src/spec/seccomp.ts";
import type { Spec } from "../src/spec/spec.ts";
import { LIMITS } from "./bundle.ts";
import { markdownTable, quantile } from "./statistics.ts";

const ARCH = "x86_64";
const WARM_UP = 500;
/** For every round of processes, because a compile takes so much less. */
const EACH = 24;
/** More than there are processes: a filter is compiled anew for each of them. */
const MOST_ERRNO = 4000;

export interface Warm {
  readonly milliseconds: number;
  readonly p90: number;
  /** Bytes. */
  readonly stripped: number;
  readonly withText: number;
}

/** What is added to the bundle of `hutch spec`, but for the terminal that it has. */
interface Kind {
  readonly limits?: boolean;
  readonly terminal?: boolean;
  /** The default profile: the same for all, or none like another. */
  readonly seccomp?: "same" | "own";
}

const KINDS: Readonly<Record<string, Kind>> = {
  "with limits": { limits: true },
  "without limits": {},
  "as hutch spec writes it": { terminal: true },
  "with limits and the terminal": { limits: true, terminal: true },
  "with limits and seccomp": { limits: true, seccomp: "same" },
  "the same, each with another profile": { limits: true, seccomp: "own" },
  "with limits, seccomp and a terminal": { limits: true, seccomp: "same", terminal: true },
};

/** Of its own in every container, as a profile is that was read from a file. */
function profile(capabilities: readonly string[], serial: number, seccomp: Kind["seccomp"]): Seccomp {
  const whole = defaultSeccomp(capabilities, ARCH);
  const errno = seccomp === "own" ? 1 + (serial % MOST_ERRNO) : (whole.defaultErrnoRet ?? 1);
  return { ...whole, defaultErrnoRet: errno };
}

/** No two have the same command, and neighbours not the same limits. */
function described(serial: number, { limits, terminal = false, seccomp }: Kind): Spec {
  const spec = defaultSpec();
  const { process: init, linux, root } = spec;
  if (init === undefined || root === undefined) throw new Error("the default bundle has no process or root");
  const resources = { ...LIMITS, memory: { limit: (64 + (serial % 64)) * 2 ** 20 } };
  const capabilities = init.capabilities?.bounding ?? [];
  return {
    ...spec,
    root: { ...root, path: "/box/rootfs" },
    process: { ...init, terminal, args: ["/bin/server", `--number=${serial}`] },
    linux: {
      ...linux,
      ...(limits ? { resources } : {}),
      ...(seccomp === undefined ? {} : { seccomp: profile(capabilities, serial, seccomp) }),
    },
  };
}

const STRIPPED = { arch: ARCH, strip: true } as const;

async function warm(rounds: number, kind: Kind): Promise<Warm> {
  let serial = 0;
  for (; serial < WARM_UP; serial++) await compile(described(serial, kind), STRIPPED);
  const times: number[] = [];
  for (const end = serial + rounds * EACH; serial < end; serial++) {
    const spec = described(serial, kind);
    const begin = performance.now();
    await compile(spec, STRIPPED);
    times.push(performance.now() - begin);
  }
  return {
    milliseconds: quantile(times, 0.5),
    p90: quantile(times, 0.9),
    stripped: (await compile(described(0, kind), STRIPPED)).length,
    withText: (await compile(described(0, kind), { arch: ARCH })).length,
  };
}

/** By what the bundle is. */
export async function warmCompiles(rounds: number): Promise<Map<string, Warm>> {
  const all = new Map<string, Warm>();
  for (const [name, kind] of Object.entries(KINDS)) all.set(name, await warm(rounds, kind));
  return all;
}

export const warmTable = (all: ReadonlyMap<string, Warm>): string =>
  markdownTable(
    ["compiled in a warm process", "median ms", "p90", "bytes, stripped", "bytes"],
    [...all].map(([name, { milliseconds, p90, stripped, withText }]) => [
      name,
      ...[milliseconds, p90].map((value) => value.toFixed(2)),
      ...[stripped, withText].map(String),
    ]),
  );
