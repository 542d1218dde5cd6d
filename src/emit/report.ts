/**
 * What a program does when a call fails: behind the path of success, one instruction calls the reporter, and
 * behind that lies a descriptor that says what to report and where to go on.
 */
import type { Arch } from "../linux/arch.ts";
import { ERRNO } from "../linux/errno.ts";
import type { Call, Fail, Slot } from "../plan/step.ts";
import type { Assembler } from "./assembler.ts";
import { type Data, placeText, refuse, slotNumber } from "./data.ts";
import {
  FLAG_BITS,
  HINTS_MASK,
  PIPE_GUARD,
  PIPE_LAST_SLOT,
  PIPE_SLOT_BITS,
  PIPE_SUBJECT,
  PRINT_GUARD,
  PRINT_SUBJECT,
  RECORD,
  SHORT_TEXT_BITS,
  SUBJECT_MAX,
  SUBJECT_SLOT,
} from "./descriptor.ts";
import { LABEL, reference } from "./image.ts";
import type { Routines } from "./report-code.ts";
import { ROUTINES } from "./routines.ts";

/**
 * How failures are told: in words on descriptor 2 ("prefix: why: call: ERRNO (text); hint: …"), or written
 * to descriptor `fd`: the index of the step (64 bits), the errno (32 bits; 0 for a `fail` step), and the length
 * of the subject (32 bits), whose bytes follow, at most SUBJECT_MAX.
 */
export type Report =
  | { readonly kind: "print"; readonly prefix: string }
  | { readonly kind: "pipe"; readonly fd: number };

export interface Reporter {
  /** Offset of the routine that decimal steps call. */
  readonly decimal: number;
  /** Emits the call of the reporter with its descriptor; `result` holds −errno. `guard` is a label or −1. */
  failed(call: Call, index: number, guard: number): void;
  /** The same for a `fail` step. */
  fail(step: Fail, index: number, guard: number): void;
  /** To be called when nothing is reported any more, with the length of the longest subject. */
  finish(longestSubject: number): void;
}

/** The first slot, SUBJECT_SLOT. */
const SUBJECT: Slot = { kind: "slot", name: "subject of the failure" };

/** Puts the routines into the program; to be called before anything else is placed. */
export function createReporter(asm: Assembler, data: Data, arch: Arch, report: Report): Reporter {
  const { image } = data;
  const routines = ROUTINES[arch][report.kind];
  image.routines = Uint8Array.fromBase64(routines.code);
  image.fixups.push(...routines.fixups);
  if (report.kind === "print") {
    image.texts.push(routines.texts);
    image.textSize = routines.texts.length + 1;
    slotNumber(data, SUBJECT);
    placeText(data, `${report.prefix}: `);
    return printReporter(asm, data, routines, report.prefix.length);
  }
  image.aligned.push(report.fd, 0);
  image.lineSize = RECORD;
  return pipeReporter(asm, data, routines);
}

const DEFAULT_EXIT_CODE = 125;

function checkExitCode(data: Data, exitCode: number): number {
  if (Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255) return exitCode;
  throw refuse(data, `exit code ${exitCode} does not fit 8 bits`);
}

/** The flags of a call with a subject: its slot is named to the reporter, so that no instruction is added. */
function subjectFlags(data: Data, subject: Slot): number {
  const number = slotNumber(data, subject);
  if (number > PIPE_LAST_SLOT) throw refuse(data, "a subject has one of the first 32,768 slots");
  return PIPE_SUBJECT | (number << PIPE_SLOT_BITS);
}

function pipeReporter(asm: Assembler, data: Data, routines: Routines): Reporter {
  const report = (step: Call | Fail, index: number, guard: number, flags = 0): void => {
    const code = step.exitCode === undefined ? DEFAULT_EXIT_CODE : checkExitCode(data, step.exitCode);
    asm.report(routines.report, index, code | flags | (guard < 0 ? 0 : PIPE_GUARD));
    if (guard >= 0) asm.wordOf(reference(LABEL, guard));
  };
  return {
    decimal: routines.decimal,
    failed(call, index, guard) {
      if (call.subject === undefined) return report(call, index, guard);
      data.image.lineSize = RECORD + SUBJECT_MAX;
      report(call, index, guard, subjectFlags(data, call.subject));
    },
    fail: report,
    finish() {},
  };
}

function printReporter(asm: Assembler, data: Data, routines: Routines, prefixLength: number): Reporter {
  const names = new Map<string, number>();
  /** Plans use one object of hints for many calls. */
  const hintLists = new Map<Readonly<Record<string, string>>, readonly number[]>();
  let longestWhy = 0;
  let longestHint = 0;

  const shortOffset = (text: string): number => {
    const offset = placeText(data, text) >> 4;
    if (offset < 2 ** SHORT_TEXT_BITS) return offset;
    throw refuse(data, "the plan holds more than 16 MiB of text");
  };
  const nameOffset = (call: string): number => {
    const offset = shortOffset(`: ${call}: `);
    names.set(call, offset);
    return offset;
  };
  const hintWords = (hints: Readonly<Record<string, string>>): readonly number[] => {
    const known = hintLists.get(hints);
    if (known !== undefined) return known;
    const errnos: Readonly<Record<string, number>> = ERRNO;
    const words: number[] = [];
    for (const name in hints) {
      const errno = errnos[name];
      const hint = hints[name];
      if (typeof errno !== "number") throw refuse(data, `there is no errno ${name}`);
      if (hint === undefined) continue;
      words.push(shortOffset(hint) | (errno << SHORT_TEXT_BITS));
      if (hint.length > longestHint) longestHint = hint.length;
    }
    if (words.length > HINTS_MASK) throw refuse(data, "a call has at most 15 hints");
    hintLists.set(hints, words);
    return words;
  };
  const leaveSubject = (subject: Slot): number => {
    asm.loadSlot(asm.registers.pointer, slotNumber(data, subject));
    asm.storeSlot(SUBJECT_SLOT, asm.registers.pointer);
    return PRINT_SUBJECT;
  };
  const report = (step: Call | Fail, why: string, name: number, flags: number, guard: number): void => {
    if (why.length > longestWhy) longestWhy = why.length;
    const text = placeText(data, why) >> 4;
    const code = step.exitCode === undefined ? DEFAULT_EXIT_CODE : checkExitCode(data, step.exitCode);
    const first = (text << FLAG_BITS) | flags | (guard < 0 ? 0 : PRINT_GUARD);
    asm.report(routines.report, first, name | (code << SHORT_TEXT_BITS));
    if (guard >= 0) asm.wordOf(reference(LABEL, guard));
  };
  return {
    decimal: routines.decimal,
    failed(call, _index, guard) {
      const name = names.get(call.name) ?? nameOffset(call.name);
      const flags = call.subject === undefined ? 0 : leaveSubject(call.subject);
      if (call.hints === undefined) {
        report(call, call.why, name, flags, guard);
        return;
      }
      const words = hintWords(call.hints);
      report(call, call.why, name, flags | words.length, guard);
      for (const word of words) asm.word(word);
    },
    fail: (step, _index, guard) => report(step, step.message, 0, 0, guard),
    finish(longestSubject) {
      // A UTF-16 unit has at most 3 bytes in UTF-8; name, errno and punctuation have less than 256 together.
      data.image.lineSize = (prefixLength + longestWhy + longestSubject + longestHint) * 3 + 256;
    },
  };
}
