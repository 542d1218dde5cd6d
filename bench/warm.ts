/** How long a process that has compiled before takes for the file of a bundle, and how large that file is. */
import { compile } from "../src/container/compile.ts";
import { defaultSpec } from "../src/spec/default.ts";
import type { Spec } from "../src/spec/spec.ts";
import { LIMITS } from "./bundle.ts";
import { markdownTable, quantile } from "./statistics.ts";

const WARM_UP = 500;
/** For every round of processes, because a compile takes so much less. */
const EACH = 12;

export interface Warm {
  readonly milliseconds: number;
  readonly p90: number;
  /** Bytes. */
  readonly stripped: number;
  readonly withText: number;
}

/** The bundle of `hutch spec` without a terminal; no two have the same command or the same limits. */
function described(serial: number, isLimited: boolean): Spec {
  const spec = defaultSpec();
  const { process: init, linux, root } = spec;
  if (init === undefined || root === undefined) throw new Error("the default bundle has no process or root");
  const limits = { ...LIMITS, memory: { limit: (64 + (serial % 64)) * 2 ** 20 } };
  return {
    ...spec,
    root: { ...root, path: "/box/rootfs" },
    process: { ...init, terminal: false, args: ["/bin/server", `--number=${serial}`] },
    linux: { ...linux, ...(isLimited ? { resources: limits } : {}) },
  };
}

const strip = { strip: true } as const;

async function warm(rounds: number, isLimited: boolean): Promise<Warm> {
  let serial = 0;
  for (; serial < WARM_UP; serial++) await compile(described(serial, isLimited), strip);
  const times: number[] = [];
  for (const end = serial + rounds * EACH; serial < end; serial++) {
    const spec = described(serial, isLimited);
    const begin = performance.now();
    await compile(spec, strip);
    times.push(performance.now() - begin);
  }
  return {
    milliseconds: quantile(times, 0.5),
    p90: quantile(times, 0.9),
    stripped: (await compile(described(0, isLimited), strip)).length,
    withText: (await compile(described(0, isLimited))).length,
  };
}

/** By what the bundle is. */
export const warmCompiles = async (rounds: number): Promise<Map<string, Warm>> =>
  new Map([
    ["with limits", await warm(rounds, true)],
    ["without limits", await warm(rounds, false)],
  ]);

export const warmTable = (all: ReadonlyMap<string, Warm>): string =>
  markdownTable(
    ["compiled in a warm process", "median ms", "p90", "bytes, stripped", "bytes"],
    [...all].map(([name, { milliseconds, p90, stripped, withText }]) => [
      name,
      ...[milliseconds, p90].map((value) => value.toFixed(2)),
      ...[stripped, withText].map(String),
    ]),
  );
