/**
 * What a program does when a call fails: behind the path of success, one instruction calls the reporter, and
 * behind that lies a descriptor, in words of 32 bits, that says what to report and where to go on.
 */
import type { Arch } from "../linux/arch.ts";
import { ERRNO, type ErrnoName, errnoText } from "../linux/errno.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Slot } from "../plan/step.ts";
import type { Assembler } from "./assembler.ts";
import { addText, type Data, placeText, refuse, slotNumber } from "./data.ts";
import {
  BUFFERS,
  bindLabel,
  boundLabel,
  createLabel,
  LABEL,
  LINE,
  type Reference,
  reference,
  TEXT,
} from "./image.ts";
import { emitAppend } from "./routine.ts";

/**
 * How failures are told: in words on descriptor 2 ("prefix: why: call: ERRNO (text); hint: …"), or as two
 * 64-bit numbers, the index of the step and the errno (0 for a `fail` step), written to descriptor `fd`.
 */
export type Report =
  | { readonly kind: "print"; readonly prefix: string }
  | { readonly kind: "pipe"; readonly fd: number };

/** A call or `fail` step of the plan, as far as its failure goes. */
export interface Failure {
  readonly index: number;
  readonly why: string;
  /** The slot that holds the address of a string to be added to `why`. */
  readonly subject: Slot | undefined;
  /** The name of the system call; empty for a `fail` step. */
  readonly call: string;
  readonly hints: Readonly<Partial<Record<ErrnoName, string>>> | undefined;
  readonly exitCode: number | undefined;
  /** The label of the guard, or −1. */
  readonly guard: number;
}

export interface Reporter {
  /** Emits the call of the reporter with its descriptor; `result` holds −errno, or 0 for a `fail` step. */
  report(failure: Failure): void;
  /** To be called when nothing is reported any more, with the length of the longest subject. */
  finish(longestSubject: number): void;
}

/**
 * The errnos that a container runtime can meet, in the order of their numbers; others are told by number.
 * Left out are those of STREAMS, XENIX, ISDN, sound, RDMA and the shared libraries of a.out.
 */
// biome-ignore format: a table
const NAMED = [
  "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN",
  "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL",
  "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM",
  "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "ENODATA", "ETIME", "EREMOTE",
  "EPROTO", "EBADMSG", "EOVERFLOW", "EILSEQ", "EUSERS", "ENOTSOCK", "EMSGSIZE", "ENOPROTOOPT",
  "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL",
  "ENETDOWN", "ENETUNREACH", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "ENOTCONN", "ETIMEDOUT", "ECONNREFUSED",
  "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE", "EUCLEAN", "EDQUOT", "ECANCELED", "ENOKEY",
  "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED",
] as const satisfies readonly ErrnoName[];

const LAST_NAMED = ERRNO.EKEYREJECTED;

const DEFAULT_EXIT_CODE = 125;

function exitCodeOf(data: Data, failure: Failure): number {
  const exitCode = failure.exitCode ?? DEFAULT_EXIT_CODE;
  if (Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255) return exitCode;
  throw refuse(data, `exit code ${exitCode} does not fit 8 bits`);
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
function emitEnd(asm: Assembler, data: Data, arch: Arch, bit: number): void {
  const [descriptor, exitCode, flags] = asm.registers.spare;
  const exit = createLabel(data.image);
  asm.operateInteger("test", flags, bit);
  asm.branch("none", exit);
  asm.load(descriptor, descriptor, 8, 4);
  asm.jumpTo(descriptor);
  bindLabel(data.image, exit);
  asm.move(asm.registers.args[0], exitCode);
  asm.syscall(SYSCALLS[arch].exit_group);
}

/** Descriptors of pipeReporter: index; exit code and guard flag; address of the guard if the flag is set. */
const PIPE_GUARD = 0x100;

/** The reporter that writes (step, errno) to a pipe. */
export function pipeReporter(asm: Assembler, data: Data, arch: Arch, fd: number): Reporter {
  const { image } = data;
  const { args, spare } = asm.registers;
  const [descriptor, errno, flags, scratch] = spare;
  const record = reference(BUFFERS, image.buffersSize);
  image.buffersSize += 16;

  const entry = boundLabel(image);
  emitStart(asm);
  asm.load(scratch, descriptor, 0, 4);
  asm.address(args[1], record);
  asm.store(args[1], 0, scratch, 8);
  asm.store(args[1], 8, errno, 8);
  asm.integer(args[0], fd);
  asm.integer(args[2], 16);
  asm.syscall(SYSCALLS[arch].write);
  asm.load(flags, descriptor, 4, 4);
  asm.load(errno, descriptor, 4, 1);
  emitEnd(asm, data, arch, PIPE_GUARD);

  return {
    report(failure) {
      asm.call(entry);
      asm.word(failure.index);
      asm.word(exitCodeOf(data, failure) | (failure.guard < 0 ? 0 : PIPE_GUARD));
      if (failure.guard >= 0) asm.wordOf(reference(LABEL, failure.guard));
    },
    finish() {},
  };
}

// Descriptors of printReporter: offset of the text in TEXT (26 bits), subject flag (1), guard flag (1), hints (4);
// offset of the name of the call (24) and exit code (8); address of the guard if the flag is set; and a word
// for each hint: offset of its text (24) and errno (8).
const TEXT_BITS = 26;
const HINTS_MASK = 0xf;
const PRINT_GUARD = 0x10;
const PRINT_SUBJECT = 0x20;
const FLAG_BITS = 6;
/** Where a failing call leaves the address of its subject. */
const SUBJECT: Slot = { kind: "slot", name: "subject of the failure" };
const SHORT_TEXT_BITS = 24;
const SHORT_TEXT_MASK = 0xffffff;

/**
 * The reporter that prints. The line is put together in memory and written by one call, so that lines of
 * several processes do not mix.
 */
export function printReporter(
  asm: Assembler,
  data: Data,
  arch: Arch,
  prefix: string,
  decimal: number,
): Reporter {
  const { image } = data;
  const names = new Map<string, number>();
  let longestWhy = 0;
  let longestHint = 0;

  const offsetOf = (place: Reference, bits: number): number => {
    const offset = place >> 4;
    if (offset >= 2 ** bits) throw refuse(data, "the plan holds too much text");
    return offset;
  };
  const nameOffset = (call: string): number => {
    const known = names.get(call);
    if (known !== undefined) return known;
    const offset = call === "" ? 0 : offsetOf(placeText(data, `: ${call}: `), SHORT_TEXT_BITS);
    names.set(call, offset);
    return offset;
  };
  const hintWords = (hints: Failure["hints"]): number[] => {
    const table: Readonly<Record<string, number>> = ERRNO;
    const words: number[] = [];
    for (const [name, hint] of Object.entries(hints ?? {})) {
      const errno = Object.hasOwn(table, name) ? table[name] : undefined;
      if (errno === undefined) throw refuse(data, `there is no errno ${name}`);
      words.push(offsetOf(placeText(data, hint), SHORT_TEXT_BITS) | (errno << SHORT_TEXT_BITS));
      longestHint = Math.max(longestHint, hint.length);
    }
    if (words.length > HINTS_MASK) throw refuse(data, "a call has at most 15 hints");
    return words;
  };

  const entry = emitPrint(asm, data, arch, prefix, decimal);
  return {
    report(failure) {
      const hints = failure.hints === undefined ? [] : hintWords(failure.hints);
      const why = offsetOf(placeText(data, failure.why), TEXT_BITS);
      if (failure.why.length > longestWhy) longestWhy = failure.why.length;
      const flags =
        (failure.guard < 0 ? 0 : PRINT_GUARD) | (failure.subject === undefined ? 0 : PRINT_SUBJECT);
      if (failure.subject !== undefined) {
        asm.loadSlot(asm.registers.pointer, slotNumber(data, failure.subject));
        asm.storeSlot(slotNumber(data, SUBJECT), asm.registers.pointer);
      }
      asm.call(entry);
      asm.word((why << FLAG_BITS) | hints.length | flags);
      asm.word(nameOffset(failure.call) | (exitCodeOf(data, failure) << SHORT_TEXT_BITS));
      if (failure.guard >= 0) asm.wordOf(reference(LABEL, failure.guard));
      for (const hint of hints) asm.word(hint);
    },
    finish(longestSubject) {
      // A UTF-16 unit has at most 3 bytes in UTF-8; names, errno and punctuation have less than 256.
      image.lineSize = (prefix.length + longestWhy + longestSubject + longestHint) * 3 + 256;
    },
  };
}

/** NUL-terminated texts of the errnos from 1 on; empty where an errno is not in the list. */
function placeErrnos(data: Data): Reference {
  let at = 1;
  let texts = "";
  for (const name of NAMED) {
    for (const number = ERRNO[name]; at < number; at++) texts += "\0";
    texts += `${name} (${errnoText(name)})\0`;
    at++;
  }
  return addText(data, texts);
}

/** Emits the reporter; gives its label. */
function emitPrint(asm: Assembler, data: Data, arch: Arch, prefix: string, decimal: number): number {
  const { image } = data;
  const { args, value, spare } = asm.registers;
  const [descriptor, errno, flags, texts] = spare;
  const [out, text, count] = args;
  const line = reference(LINE, 0);
  const append = emitAppend(asm, image);

  const entry = boundLabel(image);
  const end = createLabel(image);
  emitStart(asm);
  asm.load(flags, descriptor, 0, 4);
  asm.address(texts, reference(TEXT, 0));
  asm.address(out, line);
  asm.address(text, placeText(data, `${prefix}: `));
  asm.call(append);
  asm.move(text, flags);
  asm.shiftRight(text, FLAG_BITS);
  asm.operate("add", text, texts);
  asm.call(append);
  const alone = createLabel(image);
  asm.operateInteger("test", flags, PRINT_SUBJECT);
  asm.branch("none", alone);
  asm.address(text, placeText(data, " "));
  asm.call(append);
  asm.loadSlot(text, slotNumber(data, SUBJECT));
  asm.call(append);
  bindLabel(image, alone);
  asm.operateInteger("cmp", errno, 0);
  asm.branch("eq", end);
  asm.load(text, descriptor, 4, 4);
  asm.operateInteger("and", text, SHORT_TEXT_MASK);
  asm.operate("add", text, texts);
  asm.call(append);
  emitErrno(asm, data, append, decimal);
  emitHint(asm, data, append);

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
  emitEnd(asm, data, arch, PRINT_GUARD);
  return entry;
}

/** Appends "EPERM (operation not permitted)" or "errno 4711". */
function emitErrno(asm: Assembler, data: Data, append: number, decimal: number): void {
  const { image } = data;
  const { args, value, spare } = asm.registers;
  const [, text, left] = args;
  const [, errno] = spare;
  const unnamed = createLabel(image);
  const found = createLabel(image);
  const named = createLabel(image);
  const done = createLabel(image);

  asm.operateInteger("cmp", errno, LAST_NAMED);
  asm.branch("gt", unnamed);
  asm.address(text, placeErrnos(data));
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
  asm.address(text, placeText(data, "errno "));
  asm.call(append);
  asm.move(text, errno);
  asm.call(decimal);
  asm.jump(done);
  bindLabel(image, named);
  asm.call(append);
  bindLabel(image, done);
}

/** Appends the hint for the errno, if the descriptor has one. */
function emitHint(asm: Assembler, data: Data, append: number): void {
  const { image } = data;
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
  asm.address(text, placeText(data, "; hint: "));
  asm.call(append);
  asm.load(text, hint, 4, 4);
  asm.operateInteger("and", text, SHORT_TEXT_MASK);
  asm.operate("add", text, texts);
  asm.call(append);
  bindLabel(image, done);
}
