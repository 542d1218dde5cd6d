/**
 * Makes src/emit/compact-pairs.ts: the pairs of bytes by which the texts of compact programs are kept small.
 * They are the most frequent ones of the texts of many plans. Files that were compiled before carry their own
 * table, so it may change at any time.
 *
 *   bun scripts/generate-pairs.ts
 */
import { join } from "node:path";
import { planFile } from "../src/container/compile.ts";
import { usualErrnoTexts } from "../src/emit/errno-texts.ts";
import type { Plan } from "../src/plan/step.ts";
import { defaultSpec, rootlessSpec } from "../src/spec/default.ts";
import type { Resources, Spec } from "../src/spec/spec.ts";

const FIRST_LITERAL = 0x20;
const FIRST_PAIR = 0x7f;
const HIGH_PAIRS = 0x100 - FIRST_PAIR;
const COUNT = HIGH_PAIRS + FIRST_LITERAL - 3;

const codeOf = (index: number): number => (index < HIGH_PAIRS ? FIRST_PAIR + index : 3 + index - HIGH_PAIRS);

/** Texts of a plan that a failure may show. */
function textsOf(plan: Plan): string[] {
  return plan.flatMap((step) => {
    if (step.kind === "fail") return [step.message];
    return step.kind === "call" ? [step.why, step.name, ...Object.values(step.hints ?? {})] : [];
  });
}

const LIMITS: Resources = { memory: { limit: 1 }, pids: { limit: 1 }, cpu: { shares: 2 }, devices: [] };

async function corpus(): Promise<Set<string>> {
  const plain = { ...defaultSpec(), root: { path: "/rootfs" } };
  const limited: Spec = { ...plain, linux: { ...plain.linux, resources: LIMITS } };
  const user = { ...rootlessSpec(1, 1), root: { path: "/rootfs" } };
  const plans = await Promise.all([
    planFile({ root: { spec: plain }, user: undefined }, {}),
    planFile({ root: { spec: limited, launch: { init: true, timeout: 1 } }, user: { spec: user } }, {}),
  ]);
  return new Set([...plans.flatMap(textsOf), ...usualErrnoTexts()]);
}

/** Joins the most frequent pair, again and again. */
export function train(texts: Iterable<string>): [number, number][] {
  let lists = [...texts].map((text) =>
    [...new TextEncoder().encode(text)].map((byte) => (byte < FIRST_PAIR ? byte : -1)),
  );
  const pairs: [number, number][] = [];
  while (pairs.length < COUNT) {
    const counts = new Map<number, number>();
    for (const list of lists) {
      for (let index = 1; index < list.length; index++) {
        const [one = -1, two = -1] = [list[index - 1], list[index]];
        if (one >= 0 && two >= 0) counts.set((one << 8) | two, (counts.get((one << 8) | two) ?? 0) + 1);
      }
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    if (best === undefined) break;
    const [one, two] = [best[0] >> 8, best[0] & 0xff];
    const code = codeOf(pairs.length);
    pairs.push([one, two]);
    lists = lists.map((list) => {
      const joined: number[] = [];
      for (let index = 0; index < list.length; index++) {
        if (list[index] === one && list[index + 1] === two) {
          joined.push(code);
          index++;
        } else joined.push(list[index] ?? -1);
      }
      return joined;
    });
  }
  return pairs;
}

if (import.meta.main) {
  const rows = train(await corpus()).map(([one, two]) => `  [${one}, ${two}],`);
  const text = [
    "/**",
    " * Generated, do not edit: bun scripts/generate-pairs.ts",
    " *",
    " * What the bytes of compact texts stand for (compact-text.ts), the most frequent first.",
    " */",
    "export const PAIRS: readonly (readonly [number, number])[] = [",
    ...rows,
    "];",
    "",
  ];
  await Bun.write(join(import.meta.dir, "../src/emit/compact-pairs.ts"), text.join("\n"));
}
