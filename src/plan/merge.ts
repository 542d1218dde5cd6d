/**
 * Two plans in one: what they have in common is there once, and a branch leads around what only one of them
 * does. A file that root and ordinary users may start is so little larger than one for root alone.
 */
import { branch, guard, jump, label } from "./build.ts";
import type { Call, Outcome, Plan, Slot, Step } from "./step.ts";

/** A step with the label of the guard that holds for it. */
interface Guarded {
  readonly step: Step;
  readonly guard: string | undefined;
}

/** Steps of both plans (`both`), or of one of them. */
interface Piece {
  readonly first: readonly Guarded[];
  readonly second: readonly Guarded[];
  readonly both: boolean;
}

/** Guards are lexical: they are taken out here, and set anew in the merged list. */
function guarded(plan: Plan): Guarded[] {
  const list: Guarded[] = [];
  let current: string | undefined;
  for (const step of plan) {
    if (step.kind === "guard") current = step.to;
    else list.push({ step, guard: current });
  }
  return list;
}

const keyOf = ({ step, guard }: Guarded): string =>
  `${guard ?? ""}\0${JSON.stringify(step, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    return value instanceof Uint8Array ? value.toBase64() : value;
  })}`;

/** The step with other labels. */
function relabel(step: Step, rename: (name: string) => string): Step {
  switch (step.kind) {
    case "label":
      return { ...step, name: rename(step.name) };
    case "jump":
    case "branch":
      return { ...step, to: rename(step.to) };
    case "next":
      return { ...step, done: rename(step.done) };
    case "call":
      return {
        ...step,
        ...(step.errors === undefined ? {} : { errors: relabelErrors(step.errors, rename) }),
        ...(step.otherwise === undefined ? {} : { otherwise: rename(step.otherwise) }),
      };
    default:
      return step;
  }
}

function relabelErrors(errors: NonNullable<Call["errors"]>, rename: (name: string) => string) {
  const entries = Object.entries(errors).map(([name, outcome]): [string, Outcome] => [
    name,
    typeof outcome === "object" ? { to: rename(outcome.to) } : outcome,
  ]);
  return Object.fromEntries(entries);
}

/** Every label that a step names, its own guard included. */
function labelsIn({ step, guard }: Guarded): string[] {
  const names: string[] = guard === undefined ? [] : [guard];
  relabel(step, (name) => {
    names.push(name);
    return name;
  });
  return names;
}

/** For each step of the first plan the index of its equal in the second, or −1: a longest common list. */
function align(first: readonly string[], second: readonly string[]): number[] {
  const width = second.length + 1;
  const lengths = new Uint16Array((first.length + 1) * width);
  for (let i = first.length - 1; i >= 0; i--) {
    for (let j = second.length - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        first[i] === second[j]
          ? 1 + (lengths[at + width + 1] ?? 0)
          : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  const partners = first.map(() => -1);
  for (let i = 0, j = 0; i < first.length && j < second.length; ) {
    const at = i * width + j;
    if (first[i] === second[j]) partners[i++] = j++;
    else if ((lengths[at + width] ?? 0) >= (lengths[at + 1] ?? 0)) i++;
    else j++;
  }
  return partners;
}

const labelsOf = (list: readonly Guarded[]): string[] =>
  list.flatMap(({ step }) => (step.kind === "label" ? [step.name] : []));

/**
 * Labels that stand in both plans, at different places. What is common may not name one of them, because it
 * would mean two places: such steps are taken apart, until none is left.
 */
function separate(first: readonly Guarded[], second: readonly Guarded[], partners: number[]): Set<string> {
  for (;;) {
    const common = new Set(first.filter((_, i) => partners[i] !== -1));
    const matched = new Set(partners);
    const mine = new Set(labelsOf(first.filter((each) => !common.has(each))));
    const clashes = new Set(
      labelsOf(second.filter((_, j) => !matched.has(j))).filter((name) => mine.has(name)),
    );
    let changed = false;
    for (const [i, each] of first.entries()) {
      if (partners[i] === -1 || !labelsIn(each).some((name) => clashes.has(name))) continue;
      partners[i] = -1;
      changed = true;
    }
    if (!changed) return clashes;
  }
}

function cut(first: readonly Guarded[], second: readonly Guarded[], partners: readonly number[]): Piece[] {
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < first.length || j < second.length) {
    const [startI, startJ] = [i, j];
    while (i < first.length && partners[i] === j) {
      i++;
      j++;
    }
    if (i > startI) {
      pieces.push({ first: first.slice(startI, i), second: second.slice(startJ, j), both: true });
      continue;
    }
    while (i < first.length && partners[i] === -1) i++;
    j = i < first.length ? (partners[i] ?? j) : second.length;
    pieces.push({ first: first.slice(startI, i), second: second.slice(startJ, j), both: false });
  }
  return pieces;
}

/** A plan that does what `second` does where `isSecond` is not 0, and what `first` does else. */
export function merge(first: Plan, second: Plan, isSecond: Slot): Step[] {
  const [one, two] = [guarded(first), guarded(second)];
  const partners = align(one.map(keyOf), two.map(keyOf));
  const clashes = separate(one, two, partners);
  const other = (name: string): string => (clashes.has(name) ? `${name} (2)` : name);
  const steps: Step[] = [];
  let current: string | undefined;
  const put = (list: readonly Guarded[], rename: (name: string) => string): void => {
    for (const { step, guard: wanted } of list) {
      const name = wanted === undefined ? undefined : rename(wanted);
      if (name !== current) steps.push(guard(name));
      current = name;
      steps.push(relabel(step, rename));
    }
  };
  const same = (name: string): string => name;
  for (const [index, piece] of cut(one, two, partners).entries()) {
    const [start, end] = [`only the second ${index}`, `both ${index}`];
    if (piece.both) {
      put(piece.first, same);
      continue;
    }
    if (piece.second.length === 0) {
      steps.push(branch(isSecond, "ne", 0, end));
      put(piece.first, same);
    } else if (piece.first.length === 0) {
      steps.push(branch(isSecond, "eq", 0, end));
      put(piece.second, other);
    } else {
      steps.push(branch(isSecond, "ne", 0, start));
      put(piece.first, same);
      steps.push(jump(end), label(start));
      put(piece.second, other);
    }
    steps.push(label(end));
  }
  return steps;
}
