/** Having Bun tell of an `exec` that has failed (see failed-exec.ts). */
import { buffer, call, compute, jump, set, slot, store } from "./build.ts";
import { BUN } from "./entry-words.ts";
import { FAILED_NAME } from "./failed-exec.ts";
import type { Slot, Step } from "./step.ts";

/** The address of the variable that Bun begins with. */
export const VARIABLE = slot("variable for Bun");

/** To be set before: one of FAILED, and what was reported of the step. */
export const KIND = slot("kind of failure");
export const STEP = slot("step that failed");
export const ERRNO = slot("errno of the step");

/** Room for four numbers. */
const TEXT = buffer("failure", 128);
const NAME = `${FAILED_NAME}=`;
const SPACE = " ".charCodeAt(0);
const PIECE = 8;

const pieceOf = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Goes on with Bun, which is told. */
export function tellByBun(): Step[] {
  const name = new TextEncoder().encode(NAME);
  const [end, digits, own] = [slot("end of the failure"), slot("digits of a number"), slot("own pid")];
  const pieces = Array.from({ length: Math.ceil(name.length / PIECE) }, (_, index) => index * PIECE);
  const numbers: readonly Slot[] = [own, KIND, STEP, ERRNO];
  return [
    ...pieces.map((at) => store(TEXT, at, PIECE, pieceOf(name.subarray(at, at + PIECE)))),
    set(VARIABLE, TEXT),
    compute(end, VARIABLE, "add", name.length),
    call("ask for the process id", "getpid", [], { into: own }),
    ...numbers.flatMap((number, index): Step[] => [
      ...(index === 0 ? [] : [store(end, 0, 1, SPACE), compute(end, end, "add", 1)]),
      { kind: "decimal", to: end, value: number, length: digits },
      compute(end, end, "add", digits),
    ]),
    jump(BUN),
  ];
}
