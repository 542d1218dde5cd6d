/** The arguments of a kept joiner (see kept-joiner.ts), as container/exec.ts gives them. */
import { branch, buffer, compute, label, load, set, slot, store, struct } from "./build.ts";
import { ID, LONGEST_ID } from "./entry-words.ts";
import type { Step } from "./step.ts";

const TITLE_START = "hutch-";
const TITLE = buffer("title", TITLE_START.length + LONGEST_ID + 8);

/** Its second argument, by which the program names the container. */
export function writeTitle(): Step[] {
  const [from, to, letter] = [slot("rest of the id"), slot("rest of the title"), slot("letter of the id")];
  const start = [...TITLE_START].reduceRight((sum, each) => (sum << 8n) | BigInt(each.charCodeAt(0)), 0n);
  return [
    store(TITLE, 0, 8, start),
    set(from, ID),
    set(to, TITLE),
    compute(to, to, "add", TITLE_START.length),
    label("letter of the id"),
    load(letter, from, 0, 1),
    store(to, 0, 1, letter),
    compute(from, from, "add", 1),
    compute(to, to, "add", 1),
    branch(letter, "ne", 0, "letter of the id"),
  ];
}

/** To be written before. */
export const ARGV = struct("argv", [
  ["argv[0]", 8, "hutch"],
  ["argv[1]", 8, TITLE],
  ["argv[2]", 8, 0],
]);
