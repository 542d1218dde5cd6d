/** Looking at NUL-terminated texts whose address is in a slot. */
import { branch, compute, jump, label, load, set, slot } from "./build.ts";
import type { Slot, Step } from "./step.ts";

const PIECE = 8;
const piece = slot("piece of a text");
const byte = slot("byte of a text");
const at = slot("place in a text");

/**
 * Goes on at `to` when the text begins with `start`, which is ASCII; with `isWhole` when it is just that.
 * Eight bytes are read at a time, up to seven of them behind the end of the text: it must not end where
 * memory ends. (Arguments and the environment lie below other things on the stack.)
 */
export function ifText(text: Slot, start: string, isWhole: boolean, to: string): Step[] {
  const bytes = new TextEncoder().encode(isWhole ? `${start}\0` : start);
  const differs = `not ${start}${isWhole ? "" : "…"}: ${to}`;
  const steps: Step[] = [];
  for (let offset = 0; offset < bytes.length; offset += PIECE) {
    const here = bytes.subarray(offset, offset + PIECE);
    const wanted = here.reduceRight((sum, each) => (sum << 8n) | BigInt(each), 0n);
    steps.push(load(piece, text, offset, PIECE));
    if (here.length < PIECE) steps.push(compute(piece, piece, "and", (1n << BigInt(here.length * 8)) - 1n));
    steps.push(branch(piece, "ne", wanted, differs));
  }
  return [...steps, jump(to), label(differs)];
}

/** Goes on at `to` when the text is empty. */
export const ifEmpty = (text: Slot, to: string): Step[] => [
  load(byte, text, 0, 1),
  branch(byte, "eq", 0, to),
];

/** Goes on at `to` when the text holds anything but ASCII. `key` is unique within the plan. */
export const unlessAscii = (key: string, text: Slot, to: string): Step[] => [
  set(at, text),
  label(`next byte of ${key}`),
  load(byte, at, 0, 1),
  branch(byte, "gt", 0x7f, to),
  compute(at, at, "add", 1),
  branch(byte, "ne", 0, `next byte of ${key}`),
];

/**
 * Goes on at `to` unless two texts are the same; both slots are set to what follows behind their ends. `key` is
 * unique within the plan.
 */
export const sameText = (key: string, one: Slot, two: Slot, to: string): Step[] => [
  label(`same byte of ${key}`),
  load(byte, one, 0, 1),
  load(piece, two, 0, 1),
  branch(byte, "ne", piece, to),
  compute(one, one, "add", 1),
  compute(two, two, "add", 1),
  branch(byte, "ne", 0, `same byte of ${key}`),
];

/** Goes on at `to` unless `one` begins with `start`, which is set to what follows behind its end. */
export const sameStart = (key: string, one: Slot, start: Slot, to: string): Step[] => [
  label(`byte of the ${key}`),
  load(piece, start, 0, 1),
  compute(start, start, "add", 1),
  branch(piece, "eq", 0, `${key} is the same`),
  load(byte, one, 0, 1),
  branch(byte, "ne", piece, to),
  compute(one, one, "add", 1),
  jump(`byte of the ${key}`),
  label(`${key} is the same`),
];

/** Sets `text` to what follows behind its end. `key` is unique within the plan. */
export const skipText = (key: string, text: Slot): Step[] => [
  label(`end of ${key}`),
  load(byte, text, 0, 1),
  compute(text, text, "add", 1),
  branch(byte, "ne", 0, `end of ${key}`),
];

const code = (letter: string): number => letter.charCodeAt(0);
const LOWER_CASE = 0x20;

/**
 * Goes on at `to` unless the text is an id as container/store.ts takes it; some of those are left out, too:
 * what begins with a dot or a hyphen.
 */
export function unlessId(text: Slot, longest: number, to: string): Step[] {
  const next = "next byte of the id";
  const letter = slot("letter of a text");
  const length = slot("length of a text");
  return [
    load(byte, text, 0, 1),
    ...["\0", ".", "-"].map((first) => branch(byte, "eq", code(first), to)),
    set(at, text),
    label(next),
    load(byte, at, 0, 1),
    branch(byte, "eq", 0, "end of the id"),
    compute(at, at, "add", 1),
    ...["_", "+", ".", "-"].map((mark) => branch(byte, "eq", code(mark), next)),
    branch(byte, "lt", code("0"), to),
    branch(byte, "le", code("9"), next),
    compute(letter, byte, "or", LOWER_CASE),
    branch(letter, "lt", code("a"), to),
    branch(letter, "le", code("z"), next),
    jump(to),
    label("end of the id"),
    compute(length, at, "sub", text),
    branch(length, "gt", longest, to),
  ];
}
