/** The meaning of the steps on slots and of jumps, as plainly as it can be written. */
import type { Plan, Value } from "../../src/plan/step.ts";

export interface Interpreted {
  readonly slots: ReadonlyMap<string, bigint>;
}

/** Runs a plan of label, jump, branch and compute. */
export function interpret(plan: Plan): Interpreted {
  const slots = new Map<string, bigint>();
  const labels = new Map(plan.flatMap((step, index) => (step.kind === "label" ? [[step.name, index]] : [])));
  const read = (value: Value): bigint =>
    BigInt.asIntN(64, typeof value === "object" ? (slots.get(value.name) ?? 0n) : BigInt(value));
  const target = (name: string): number => {
    const index = labels.get(name);
    if (index === undefined) throw new Error(`no label ${name}`);
    return index;
  };
  for (let at = 0; at < plan.length; at++) {
    const step = plan[at];
    if (step?.kind === "jump") at = target(step.to);
    else if (step?.kind === "branch") {
      const left = read(step.left);
      const right = read(step.right);
      const holds = {
        eq: left === right,
        ne: left !== right,
        lt: left < right,
        le: left <= right,
        gt: left > right,
        ge: left >= right,
        any: (left & right) !== 0n,
      };
      if (holds[step.is]) at = target(step.to);
    } else if (step?.kind === "compute") {
      if (typeof step.left === "string" || (typeof step.left === "object" && step.left.kind !== "slot")) {
        throw new Error("no addresses here");
      }
      const left = read(step.left);
      const right = read(step.right ?? 0);
      const results = {
        set: () => left,
        add: () => left + right,
        sub: () => left - right,
        and: () => left & right,
        or: () => left | right,
        shl: () => left << right,
        shr: () => BigInt.asUintN(64, left) >> right,
      };
      slots.set(step.into.name, BigInt.asIntN(64, results[step.op]()));
    }
  }
  return { slots };
}
