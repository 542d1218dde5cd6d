/** The routine that prints a report; a part of report-code. */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Assembler } from "./assembler.ts";
import {
  FLAG_BITS,
  HINTS_MASK,
  PRINT_GUARD,
  PRINT_SUBJECT,
  SHORT_TEXT_MASK,
  SUBJECT_SLOT,
} from "./descriptor.ts";
import { errnoTexts, LAST_NAMED } from "./errno-texts.ts";
import { bindLabel, boundLabel, createLabel, type Image, LINE, reference, SLOTS, TEXT } from "./image.ts";
import { emitEnd, emitStart } from "./report-frame.ts";
import { emitAppend } from "./routine.ts";

const SUBJECT_TEXT = " ";
const HINT_TEXT = "; hint: ";
const ERRNO_TEXT = "errno ";

/** What the routines hold at the start of TEXT. */
export const PRINT_TEXTS = `${SUBJECT_TEXT}\0${HINT_TEXT}\0${ERRNO_TEXT}\0${errnoTexts()
  .map((text) => `${text}\0`)
  .join("")}`;
const SUBJECT_PLACE = reference(TEXT, 0);
const HINT_PLACE = SUBJECT_PLACE + reference(0, SUBJECT_TEXT.length + 1);
const ERRNO_PLACE = HINT_PLACE + reference(0, HINT_TEXT.length + 1);
const ERRNOS_PLACE = ERRNO_PLACE + reference(0, ERRNO_TEXT.length + 1);
/** The program puts its prefix behind the texts of the routines and their NUL. */
const PREFIX_PLACE = reference(TEXT, PRINT_TEXTS.length + 1);

/** The line is put together in memory and written by one call: lines of several processes do not mix. */
export function emitPrint(asm: Assembler, image: Image, arch: Arch, decimal: number): number {
  const { args, value, spare } = asm.registers;
  const [descriptor, errno, flags, texts] = spare;
  const [out, text, count] = args;
  const line = reference(LINE, 0);
  const append = emitAppend(asm, image);

  const label = boundLabel(image);
  const end = createLabel(image);
  emitStart(asm);
  asm.load(flags, descriptor, 0, 4);
  asm.address(texts, reference(TEXT, 0));
  asm.address(out, line);
  asm.address(text, PREFIX_PLACE);
  asm.call(append);
  asm.move(text, flags);
  asm.shiftRight(text, FLAG_BITS);
  asm.operate("add", text, texts);
  asm.call(append);
  emitSubject(asm, image, append);
  asm.operateInteger("cmp", errno, 0);
  asm.branch("eq", end);
  asm.load(text, descriptor, 4, 4);
  asm.operateInteger("and", text, SHORT_TEXT_MASK);
  asm.operate("add", text, texts);
  asm.call(append);
  emitErrno(asm, image, append, decimal);
  emitHint(asm, image, append);

  bindLabel(image, end);
  asm.integer(value, "\n".charCodeAt(0));
  asm.store(out, 0, value, 1);
  asm.address(text, line);
  asm.move(count, out);
  asm.operate("sub", count, text);
  asm.operateInteger("add", count, 1);
  asm.integer(args[0], 2);
  asm.syscall(SYSCALLS[arch].write);
  asm.load(errno, descriptor, 7, 1);
  emitEnd(asm, image, arch, PRINT_GUARD);
  return label;
}

/** Appends a space and the string whose address the failing call left, if the descriptor says so. */
function emitSubject(asm: Assembler, image: Image, append: number): void {
  const [, text] = asm.registers.args;
  const [, , flags] = asm.registers.spare;
  const alone = createLabel(image);
  asm.operateInteger("test", flags, PRINT_SUBJECT);
  asm.branch("none", alone);
  asm.address(text, SUBJECT_PLACE);
  asm.call(append);
  asm.address(text, reference(SLOTS, SUBJECT_SLOT * 8));
  asm.load(text, text, 0, 8);
  asm.call(append);
  bindLabel(image, alone);
}

/** Appends "EPERM (operation not permitted)" or "errno 4711". */
function emitErrno(asm: Assembler, image: Image, append: number, decimal: number): void {
  const { args, value, spare } = asm.registers;
  const [, text, left] = args;
  const [, errno] = spare;
  const unnamed = createLabel(image);
  const found = createLabel(image);
  const named = createLabel(image);
  const done = createLabel(image);

  asm.operateInteger("cmp", errno, LAST_NAMED);
  asm.branch("gt", unnamed);
  asm.address(text, ERRNOS_PLACE);
  asm.move(left, errno);
  const next = boundLabel(image);
  asm.operateInteger("sub", left, 1);
  asm.operateInteger("cmp", left, 0);
  asm.branch("eq", found);
  const skip = boundLabel(image);
  asm.load(value, text, 0, 1);
  asm.operateInteger("add", text, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", skip);
  asm.jump(next);
  bindLabel(image, found);
  asm.load(value, text, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", named);
  bindLabel(image, unnamed);
  asm.address(text, ERRNO_PLACE);
  asm.call(append);
  asm.move(text, errno);
  asm.call(decimal);
  asm.jump(done);
  bindLabel(image, named);
  asm.call(append);
  bindLabel(image, done);
}

/** Appends the hint for the errno, if the descriptor has one. */
function emitHint(asm: Assembler, image: Image, append: number): void {
  const { args, value, spare } = asm.registers;
  const [descriptor, errno, flags, texts] = spare;
  const [, text, left, , hint] = args;
  const start = createLabel(image);
  const done = createLabel(image);

  asm.move(left, flags);
  asm.operateInteger("and", left, HINTS_MASK);
  asm.move(hint, descriptor);
  asm.operateInteger("test", flags, PRINT_GUARD);
  asm.branch("none", start);
  asm.operateInteger("add", hint, 4);
  bindLabel(image, start);
  const next = boundLabel(image);
  asm.operateInteger("sub", left, 1);
  asm.operateInteger("cmp", left, 0);
  asm.branch("lt", done);
  asm.operateInteger("add", hint, 4);
  asm.load(value, hint, 7, 1);
  asm.operate("cmp", value, errno);
  asm.branch("ne", next);
  asm.address(text, HINT_PLACE);
  asm.call(append);
  asm.load(text, hint, 4, 4);
  asm.operateInteger("and", text, SHORT_TEXT_MASK);
  asm.operate("add", text, texts);
  asm.call(append);
  bindLabel(image, done);
}
