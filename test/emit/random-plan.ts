/** Plans of arithmetic and branches, made of a seed. */
import { branch, compute, jump, label, set, slot } from "../../src/plan/build.ts";
import type { Condition, Plan, Slot, Step, Value } from "../../src/plan/step.ts";

/** Numbers from 0 to below `limit`, the same for the same seed (a linear congruential generator). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = BigInt(seed) * 0x9e3779b97f4a7c15n;
  return (limit) => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number((state >> 33n) % BigInt(limit));
  };
}

/** Values of every length, often close to where encodings change. */
export function randomInteger(random: (limit: number) => number): bigint {
  const edge = 1n << BigInt(random(65));
  const near = edge + BigInt(random(5)) - 2n;
  const any = (BigInt(random(2 ** 30)) << 34n) ^ (BigInt(random(2 ** 30)) << 12n) ^ BigInt(random(4096));
  const value = random(3) === 0 ? any : near;
  return BigInt.asIntN(64, random(2) === 0 ? value : -value);
}

const CONDITIONS: readonly Condition[] = ["eq", "ne", "lt", "le", "gt", "ge", "any"];
const OPERATIONS = ["add", "sub", "and", "or", "shl", "shr"] as const;

/** `length` steps that end, because they only jump ahead. */
export function randomPlan(seed: number, length: number): { plan: Plan; slots: readonly Slot[] } {
  const random = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => {
    const item = list[random(list.length)];
    if (item === undefined) throw new Error("nothing to pick");
    return item;
  };
  const slots = Array.from({ length: 40 }, (_, index) => slot(`s${index}`));
  const plan: Step[] = slots.slice(0, 30).map((one) => set(one, randomInteger(random)));
  const ahead: { readonly name: string; readonly at: number }[] = [];
  for (let index = 0; index < length; index++) {
    const here = ahead.filter(({ at }) => at === index);
    plan.push(...here.map(({ name }) => label(name)));
    const value = (): Value => (random(2) === 0 ? pick(slots) : randomInteger(random));
    const kind = random(8);
    if (kind < 2) {
      const name = `label ${index}`;
      ahead.push({ name, at: index + 1 + random(12) });
      plan.push(
        kind === 0 && random(4) === 0 ? jump(name) : branch(pick(slots), pick(CONDITIONS), value(), name),
      );
    } else if (kind === 2) plan.push(set(pick(slots), value()));
    else {
      const op = pick(OPERATIONS);
      const right = op === "shl" || op === "shr" ? random(64) : value();
      plan.push(compute(pick(slots), value(), op, right));
    }
  }
  plan.push(...ahead.filter(({ at }) => at >= length).map(({ name }) => label(name)));
  return { plan, slots };
}
