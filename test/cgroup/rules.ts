/** What a list of device rules means, said in the plainest way, and lists made at random. */
import type { DeviceRule } from "../../src/spec/resources.ts";

export interface Request {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
}

const ALWAYS: readonly DeviceRule[] = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 1],
    [5, 2],
  ].map(([major, minor]) => ({ allow: true, type: "c", major, minor, access: "rwm" }) as DeviceRule),
  { allow: true, type: "c", major: 136, access: "rwm" },
];

const names = (rule: DeviceRule, { type, major, minor }: Request, letter: string): boolean =>
  ["a", type].includes(rule.type ?? "a") &&
  [undefined, -1, major].includes(rule.major) &&
  [undefined, -1, minor].includes(rule.minor) &&
  (rule.access ?? "rwm").includes(letter);

/** The last rule that names the device and the kind of access decides; without any it is forbidden. */
export const isAllowed = (rules: readonly DeviceRule[], request: Request, letter: string): boolean =>
  [...rules, ...ALWAYS].findLast((rule) => names(rule, request, letter))?.allow ?? false;

/** A sequence of numbers below 1 that is the same each time (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const NUMBERS = [0, 1, 3, 5, 136, 0x7fffffff, 0xffffffff] as const;

export function randomRules(next: () => number): DeviceRule[] {
  const pick = <Item>(list: readonly Item[]): Item | undefined => list[Math.floor(next() * list.length)];
  return Array.from({ length: 1 + Math.floor(next() * 8) }, () => {
    const type = pick(["a", "b", "c", "c", undefined]);
    const major = pick([...NUMBERS, -1, undefined]);
    const minor = pick([...NUMBERS, -1, undefined]);
    const access = pick(["r", "w", "m", "rw", "rwm", "mr", undefined]);
    return {
      allow: next() < 0.5,
      ...(type === undefined ? {} : { type }),
      ...(major === undefined ? {} : { major }),
      ...(minor === undefined ? {} : { minor }),
      ...(access === undefined ? {} : { access }),
    };
  });
}

export const REQUESTS: readonly Request[] = (["b", "c"] as const).flatMap((type) =>
  NUMBERS.flatMap((major) => NUMBERS.map((minor) => ({ type, major, minor }))),
);
