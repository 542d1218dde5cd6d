/**
 * The routines that every program has: the reporter and what it calls. They do not depend on the plan, so
 * they are assembled once for all: scripts/generate-routines.ts writes them to routines.ts.
 */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import type { Assembler } from "./assembler.ts";
import {
  FLAG_BITS,
  HINTS_MASK,
  PIPE_GUARD,
  PIPE_SLOT_BITS,
  PIPE_SUBJECT,
  PRINT_GUARD,
  PRINT_SUBJECT,
  RECORD,
  SHORT_TEXT_MASK,
  SUBJECT_MAX,
  SUBJECT_SLOT,
} from "./descriptor.ts";
import { errnoTexts, LAST_NAMED } from "./errno-texts.ts";
import {
  ALIGNED,
  bindLabel,
  boundLabel,
  CODE,
  createImage,
  createLabel,
  FIXUP,
  type Image,
  LABEL,
  LINE,
  labelOffset,
  ROUTINES,
  reference,
  resolve,
  SLOTS,
  TEXT,
} from "./image.ts";
import { emitAppend, emitDecimal } from "./routine.ts";
import { createX86, patchX86 } from "./x86_64.ts";

/** Assembled routines, for a program that has `texts` at the start of its TEXT. */
export interface Routines {
  /** The bytes, in base64. */
  readonly code: string;
  /** Place (in ROUTINES), kind, target; and again. */
  readonly fixups: readonly number[];
  readonly texts: string;
  /** Offsets of what is called. */
  readonly report: number;
  readonly decimal: number;
}

const SUBJECT_TEXT = " ";
const HINT_TEXT = "; hint: ";
const ERRNO_TEXT = "errno ";

const PRINT_TEXTS = `${SUBJECT_TEXT}\0${HINT_TEXT}\0${ERRNO_TEXT}\0${errnoTexts()
  .map((text) => `${text}\0`)
  .join("")}`;
const SUBJECT_PLACE = reference(TEXT, 0);
const HINT_PLACE = SUBJECT_PLACE + reference(0, SUBJECT_TEXT.length + 1);
const ERRNO_PLACE = HINT_PLACE + reference(0, HINT_TEXT.length + 1);
const ERRNOS_PLACE = ERRNO_PLACE + reference(0, ERRNO_TEXT.length + 1);
/** The program puts its prefix behind the texts of the routines and their NUL. */
const PREFIX_PLACE = reference(TEXT, PRINT_TEXTS.length + 1);

/** Assembles the routines for one way of reporting. */
export function assembleRoutines(arch: Arch, kind: "print" | "pipe"): Routines {
  const image = createImage(arch === "x86_64" ? 1 : 4);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, true);
  const decimal = emitDecimal(asm, image);
  const report = kind === "print" ? emitPrint(asm, image, arch, decimal) : emitPipe(asm, image, arch);
  return {
    ...linkRoutines(image, arch),
    texts: kind === "print" ? PRINT_TEXTS : "",
    report: labelOffset(image, report),
    decimal: labelOffset(image, decimal),
  };
}

/** Fills in the jumps, which stay inside, and leaves the addresses of data to the program. */
function linkRoutines(image: Image, arch: Arch): Pick<Routines, "code" | "fixups"> {
  const addresses: number[] = [];
  const jumps: number[] = [];
  for (let index = 0; index < image.fixups.length; index += FIXUP) {
    const [place = 0, type = 0, target = 0] = image.fixups.slice(index, index + FIXUP);
    if ((target & 15) === LABEL) jumps.push(place, type, target);
    else addresses.push(place - CODE + ROUTINES, type, target);
  }
  const bytes = new Uint8Array(image.code.length * image.unit);
  if (image.unit === 1) bytes.set(image.code);
  else new Int32Array(bytes.buffer).set(image.code);
  const patch = arch === "x86_64" ? patchX86 : patchAarch64;
  resolve(image, jumps, new DataView(bytes.buffer), { offsets: [0], addresses: [0] }, patch);
  return { code: bytes.toBase64(), fixups: addresses };
}

/** Fetches the descriptor and the positive errno. */
function emitStart(asm: Assembler): void {
  const { result, spare } = asm.registers;
  const [descriptor, errno] = spare;
  asm.link(descriptor);
  asm.integer(errno, 0);
  asm.operate("sub", errno, result);
}

/** Ends a reporter: goes on at the guard when `flags` have the bit, else exits. */
function emitEnd(asm: Assembler, image: Image, arch: Arch, bit: number): void {
  const [descriptor, exitCode, flags] = asm.registers.spare;
  const exit = createLabel(image);
  asm.operateInteger("test", flags, bit);
  asm.branch("none", exit);
  asm.load(descriptor, descriptor, 8, 4);
  asm.jumpTo(descriptor);
  bindLabel(image, exit);
  asm.move(asm.registers.args[0], exitCode);
  asm.syscall(SYSCALLS[arch].exit_group);
}

function emitPipe(asm: Assembler, image: Image, arch: Arch): number {
  const { args, spare } = asm.registers;
  const [descriptor, errno, flags, scratch] = spare;
  const [out, line, size] = args;
  const label = boundLabel(image);
  emitStart(asm);
  asm.load(scratch, descriptor, 0, 4);
  asm.load(flags, descriptor, 4, 4);
  asm.address(line, reference(LINE, 0));
  asm.store(line, 0, scratch, 8);
  asm.store(line, 8, errno, 8);
  asm.integer(size, RECORD);
  emitPipeSubject(asm, image);
  asm.address(out, reference(ALIGNED, 0));
  asm.load(out, out, 0, 4);
  asm.syscall(SYSCALLS[arch].write);
  asm.load(errno, descriptor, 4, 1);
  emitEnd(asm, image, arch, PIPE_GUARD);
  return label;
}

/** Puts the string whose address is in the slot of the subject behind the record, and its length into it. */
function emitPipeSubject(asm: Assembler, image: Image): void {
  const { args, value, spare } = asm.registers;
  const [to, line, size, from] = args;
  const [, , flags] = spare;
  const alone = createLabel(image);
  const end = createLabel(image);
  asm.operateInteger("test", flags, PIPE_SUBJECT);
  asm.branch("none", alone);
  asm.address(to, reference(SLOTS, 0));
  asm.move(from, flags);
  asm.shiftRight(from, PIPE_SLOT_BITS);
  // Slots have 8 bytes.
  asm.shiftLeft(from, 3);
  asm.operate("add", from, to);
  asm.load(from, from, 0, 8);
  asm.address(to, reference(LINE, RECORD));
  const next = boundLabel(image);
  asm.load(value, from, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("eq", end);
  asm.store(to, 0, value, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("add", size, 1);
  asm.operateInteger("cmp", size, RECORD + SUBJECT_MAX);
  asm.branch("ne", next);
  bindLabel(image, end);
  asm.move(value, size);
  asm.operateInteger("sub", value, RECORD);
  asm.store(line, 12, value, 4);
  bindLabel(image, alone);
}

/** The line is put together in memory and written by one call: lines of several processes do not mix. */
function emitPrint(asm: Assembler, image: Image, arch: Arch, decimal: number): number {
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
