/** What cgroups cost a start: a container without any, beside one with a limit of every controller. */
import { statSync } from "node:fs";
import type { Resources } from "../src/spec/resources.ts";
import { call, nextId, type Runtime } from "./engine.ts";
import { inTurn } from "./lifecycle.ts";
import { markdownTable, quantile } from "./statistics.ts";

const MIB = 2 ** 20;

/** A block device for throttles: any that the machine has takes them, without an I/O. */
const device = (): { readonly major: number; readonly minor: number } => {
  const { rdev } = statSync("/dev/loop0");
  return { major: rdev >> 8, minor: rdev & 0xff };
};

/** A limit of every controller, in words that crun 1.8 and runc 1.1 know on cgroup v1 and v2. */
export const everyLimit = (): Resources => ({
  memory: { limit: 64 * MIB, swap: 96 * MIB, reservation: 32 * MIB },
  cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: "0-1", mems: "0" },
  pids: { limit: 32 },
  blockIO: { throttleReadBpsDevice: [{ ...device(), rate: 100 * MIB }] },
  devices: [{ allow: false, access: "rwm" }],
});

export interface Added {
  /** Medians of whole runs in the foreground, in milliseconds. */
  readonly without: number;
  readonly limited: number;
}

/** Runs both bundles in turn. */
export function addedByLimits(
  runtimes: readonly Runtime[],
  plain: string,
  limited: string,
  rounds: number,
): Map<string, Added> {
  const run = (runtime: Runtime, bundle: string): number => {
    const begin = Bun.nanoseconds();
    call(runtime, ["run", "--bundle", bundle, nextId()]);
    return (Bun.nanoseconds() - begin) / 1e6;
  };
  const samples = inTurn(
    runtimes,
    rounds,
    (runtime) => [run(runtime, plain), run(runtime, limited)] as const,
  );
  const median = (values: readonly (readonly number[])[], at: 0 | 1): number =>
    quantile(
      values.map((pair) => pair[at] ?? Number.NaN),
      0.5,
    );
  return new Map(
    [...samples].map(([name, pairs]) => [name, { without: median(pairs, 0), limited: median(pairs, 1) }]),
  );
}

export const addedTable = (added: ReadonlyMap<string, Added>): string =>
  markdownTable(
    ["run of true, ms", "without limits", "with a limit of every controller", "added"],
    [...added].map(([name, { without, limited }]) => [
      name,
      without.toFixed(2),
      limited.toFixed(2),
      (limited - without).toFixed(2),
    ]),
  );
