/** System calls to instructions of compact programs, with what only their failures lead to. */
import { ERRNO } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import type { Call } from "../plan/step.ts";
import { type Place, tooLarge } from "./compact-constants.ts";
import { placeHints, slotNumber } from "./compact-data.ts";
import {
  ANY_ERRNO,
  CALL_ENTRY,
  CALL_ERRORS,
  CALL_EXIT_CODE,
  CALL_HINTS,
  CALL_INTO,
  CALL_LONG,
  CALL_REST,
  CALL_SUBJECT,
  OP,
  PROGRAM_OFFSET,
  TARGET_IGNORE,
  TARGET_RETRY,
} from "./compact-format.ts";
import {
  type Encoder,
  fill,
  isFilled,
  putByte,
  putChecked,
  putDistance,
  putOperand,
  putPlace,
  putTarget,
  putWord,
} from "./compact-operand.ts";
import { textNumber } from "./compact-texts.ts";

const MOST_ARGUMENTS = 6;

export function putCall(encoder: Encoder, step: Call): void {
  const { args, into } = step;
  // Filled before the call: its arguments are the places.
  let filled: (Place | undefined)[] | undefined;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index];
    if (typeof argument !== "object" || argument.kind !== "struct" || !isFilled(argument)) continue;
    filled ??= [];
    filled[index] = fill(encoder, argument);
  }
  putByte(encoder, callNumber(encoder, step));
  for (let index = 0; index < args.length; index++) {
    const argument = args[index];
    const place = filled?.[index];
    if (place !== undefined) putPlace(encoder, place);
    else if (argument !== undefined) putOperand(encoder, argument);
  }
  const text = textNumber(encoder, step.why);
  const rest = restOf(encoder, step);
  const flags =
    rest |
    (rest === 0 ? 0 : CALL_REST) |
    (into === undefined ? 0 : CALL_INTO) |
    (text > 0xff ? CALL_LONG : 0);
  putByte(encoder, flags);
  putByte(encoder, text);
  if (text > 0xff) putByte(encoder, text >> 8);
  if (into !== undefined) putByte(encoder, slotNumber(encoder.data, into.name));
  if (rest === 0) return;
  const start = encoder.size;
  putByte(encoder, 0);
  putRest(encoder, step, rest);
  const size = encoder.size - start - 1;
  if (size > 0xff) throw tooLarge("errors of one call");
  encoder.code[start] = size;
}

const isEmpty = (of: object | undefined): boolean => of === undefined || Object.keys(of).length === 0;

/** The flags of what only a failure reads. */
const restOf = ({ hasHints }: Encoder, { subject, exitCode, hints, errors, otherwise }: Call): number =>
  (subject === undefined ? 0 : CALL_SUBJECT) |
  (exitCode === undefined ? 0 : CALL_EXIT_CODE) |
  (hasHints && !isEmpty(hints) ? CALL_HINTS : 0) |
  (otherwise === undefined && isEmpty(errors) ? 0 : CALL_ERRORS);

function putRest(encoder: Encoder, step: Call, rest: number): void {
  const { subject, exitCode, hints, errors, otherwise } = step;
  if (subject !== undefined) putByte(encoder, slotNumber(encoder.data, subject.name));
  if (exitCode !== undefined) putChecked(encoder, exitCode, 1);
  if ((rest & CALL_HINTS) !== 0) {
    const entries = Object.entries(hints ?? {}).map(([name, hint]) => {
      const number = textNumber(encoder, hint);
      return [errnoOf(name), number & 0xff, number >> 8];
    });
    putDistance(encoder, placeHints(encoder.data, [entries.length, ...entries.flat()]), PROGRAM_OFFSET);
  }
  if ((rest & CALL_ERRORS) === 0) return;
  const listed = Object.entries(errors ?? {});
  putByte(encoder, listed.length + (otherwise === undefined ? 0 : 1));
  for (const [name, outcome] of listed) {
    putByte(encoder, errnoOf(name));
    if (typeof outcome === "object") putTarget(encoder, outcome.to);
    else putWord(encoder, outcome === "ignore" ? TARGET_IGNORE : TARGET_RETRY);
  }
  if (otherwise === undefined) return;
  putByte(encoder, ANY_ERRNO);
  putTarget(encoder, otherwise);
}

function errnoOf(name: string): number {
  const errnos: Readonly<Record<string, number>> = ERRNO;
  const errno = errnos[name];
  if (typeof errno === "number") return errno;
  throw new HutchError({ operation: "emit compact program", reason: `there is no errno ${name}` });
}

/** The place in the table of calls. */
function callNumber(encoder: Encoder, { name, args }: Call): number {
  const known = encoder.calls.get(name);
  return known?.[args.length] ?? addCall(encoder, name, args.length, known ?? []);
}

function addCall(encoder: Encoder, name: string, count: number, numbers: number[]): number {
  const { calls, syscalls, entries } = encoder;
  const syscall = syscalls[name];
  if (typeof syscall !== "number") {
    throw new HutchError({ operation: "emit compact program", reason: `there is no system call ${name}` });
  }
  const place = entries.length / CALL_ENTRY;
  if (count > MOST_ARGUMENTS) throw tooLarge("arguments of one call");
  if (place >= OP.set) throw tooLarge("system calls");
  numbers[count] = place;
  calls.set(name, numbers);
  const text = textNumber(encoder, name);
  entries.push(syscall & 0xff, syscall >> 8, count, text & 0xff, text >> 8);
  return place;
}
