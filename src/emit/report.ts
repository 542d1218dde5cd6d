/**
 * What a program does when a call fails: a few instructions, far from the path of success, call the reporter,
 * and behind that call lies a descriptor that says what to report and where to go on.
 */

import type { Arch } from "../linux/arch.ts";
import { ERRNO, type ErrnoName, errnoText } from "../linux/errno.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import { createArena, put8, put32, putText } from "./arena.ts";
import type { Assembler } from "./assembler.ts";
import { bufferRoom, type Data, placeBytes, placeText, refuse } from "./data.ts";
import {
  addFixup,
  bindLabel,
  CODE,
  createLabel,
  LABEL,
  NAMES,
  type Reference,
  reference,
  WORD,
} from "./image.ts";
import { boundLabel, emitAppend } from "./routine.ts";

/**
 * How failures are told: in words on descriptor 2 ("prefix: why: call: ERRNO (text); hint: …"), or as two
 * 64-bit numbers, the index of the step and the errno (0 for a `fail` step), written to descriptor `fd`.
 */
export type Report =
  | { readonly kind: "print"; readonly prefix: string }
  | { readonly kind: "pipe"; readonly fd: number };

/** One reporter call, as the lowering sees it. */
export interface Failure {
  readonly index: number;
  readonly why: string;
  /** The system call; absent for a `fail` step. */
  readonly call?: string;
  readonly hints?: Readonly<Partial<Record<ErrnoName, string>>> | undefined;
  readonly exitCode: number | undefined;
  /** The label of the guard, or −1. */
  readonly guard: number;
}

export interface Reporter {
  /** Emits the call of the reporter with its descriptor; `result` holds −errno, or 0 for a `fail` step. */
  report(failure: Failure): void;
  /** Emits the reporter itself, when something calls it. `decimal` is called for errnos without a name. */
  finish(decimal: () => number): void;
}

/**
 * The errnos that a container runtime can meet, in the order of their numbers; others are told by number.
 * Left out are those of STREAMS, XENIX, ISDN, sound, RDMA and shared libraries of a.out times.
 */
const NAMED = [
  "EPERM",
  "ENOENT",
  "ESRCH",
  "EINTR",
  "EIO",
  "ENXIO",
  "E2BIG",
  "ENOEXEC",
  "EBADF",
  "ECHILD",
  "EAGAIN",
  "ENOMEM",
  "EACCES",
  "EFAULT",
  "ENOTBLK",
  "EBUSY",
  "EEXIST",
  "EXDEV",
  "ENODEV",
  "ENOTDIR",
  "EISDIR",
  "EINVAL",
  "ENFILE",
  "EMFILE",
  "ENOTTY",
  "ETXTBSY",
  "EFBIG",
  "ENOSPC",
  "ESPIPE",
  "EROFS",
  "EMLINK",
  "EPIPE",
  "EDOM",
  "ERANGE",
  "EDEADLK",
  "ENAMETOOLONG",
  "ENOLCK",
  "ENOSYS",
  "ENOTEMPTY",
  "ELOOP",
  "ENODATA",
  "ETIME",
  "EREMOTE",
  "EPROTO",
  "EBADMSG",
  "EOVERFLOW",
  "EILSEQ",
  "EUSERS",
  "ENOTSOCK",
  "EMSGSIZE",
  "ENOPROTOOPT",
  "EPROTONOSUPPORT",
  "ESOCKTNOSUPPORT",
  "EOPNOTSUPP",
  "EAFNOSUPPORT",
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "ENETDOWN",
  "ENETUNREACH",
  "ECONNABORTED",
  "ECONNRESET",
  "ENOBUFS",
  "ENOTCONN",
  "ETIMEDOUT",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EALREADY",
  "EINPROGRESS",
  "ESTALE",
  "EUCLEAN",
  "EDQUOT",
  "ECANCELED",
  "ENOKEY",
  "EKEYEXPIRED",
  "EKEYREVOKED",
  "EKEYREJECTED",
] as const satisfies readonly ErrnoName[];

// The first word of a descriptor: offset of the call's name (16 bits), exit code (8 bits), flags.
const EXIT_SHIFT = 16;
const HAS_GUARD = 1 << 24;
const HAS_HINTS = 1 << 25;

const DEFAULT_EXIT_CODE = 125;

function firstWord(data: Data, failure: Failure): number {
  const exitCode = failure.exitCode ?? DEFAULT_EXIT_CODE;
  if (!Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255) {
    throw refuse(data, `exit code ${exitCode} does not fit 8 bits`);
  }
  return (exitCode << EXIT_SHIFT) | (failure.guard < 0 ? 0 : HAS_GUARD);
}

function putAddress(data: Data, target: Reference): void {
  const { code } = data.image;
  addFixup(data.image, reference(CODE, code.length), WORD, target);
  put32(code, 0);
}

/** Ends a reporter: goes on at the guard when there is one, else exits. */
function emitEnd(asm: Assembler, data: Data, arch: Arch, word: number, guard: number): void {
  const exit = createLabel(data.image);
  asm.operateInteger("test", word, HAS_GUARD);
  asm.branch("none", exit);
  asm.jumpTo(guard);
  bindLabel(data.image, exit);
  const [code] = asm.registers.args;
  asm.move(code, word);
  asm.shiftRight(code, EXIT_SHIFT);
  asm.operateInteger("and", code, 0xff);
  asm.syscall(SYSCALLS[arch].exit_group);
}

/** Fetches the descriptor, the positive errno and the first word. */
function emitStart(asm: Assembler): void {
  const { result, spare } = asm.registers;
  const [descriptor, errno, word] = spare;
  asm.link(descriptor);
  asm.integer(errno, 0);
  asm.operate("sub", errno, result);
  asm.load(word, descriptor, 0, 4);
}

/** The reporter that writes (step, errno) to a pipe. Its descriptors: first word, index, guard if there is one. */
export function pipeReporter(asm: Assembler, data: Data, arch: Arch, fd: number): Reporter {
  const { image } = data;
  const entry = createLabel(image);
  let used = false;
  return {
    report(failure) {
      used = true;
      asm.call(entry);
      put32(image.code, firstWord(data, failure));
      put32(image.code, failure.index);
      if (failure.guard >= 0) putAddress(data, reference(LABEL, failure.guard));
    },
    finish() {
      if (!used) return;
      const { args, value, spare } = asm.registers;
      const [descriptor, errno, word, guard] = spare;
      bindLabel(image, entry);
      emitStart(asm);
      asm.load(value, descriptor, 4, 4);
      asm.load(guard, descriptor, 8, 4);
      asm.address(args[1], bufferRoom(image, 16));
      asm.store(args[1], 0, value, 8);
      asm.store(args[1], 8, errno, 8);
      asm.integer(args[0], fd);
      asm.integer(args[2], 16);
      asm.syscall(SYSCALLS[arch].write);
      emitEnd(asm, data, arch, word, guard);
    },
  };
}

/**
 * The reporter that prints. Its descriptors: first word, address of the guard if there is one, address of the
 * hints if there are some, text. Hints: errno in a byte, text, NUL, and again; a zero byte ends them.
 * The line is put together in memory and written by one call, so that lines of several processes do not mix.
 */
export function printReporter(asm: Assembler, data: Data, arch: Arch, prefix: string): Reporter {
  const { image } = data;
  const entry = createLabel(image);
  const names = new Map<string, number>();
  let used = false;
  let longestText = 0;
  let longestHint = 0;

  const nameOffset = (call: string): number => {
    const known = names.get(call);
    if (known !== undefined) return known;
    const offset = image.names.length;
    putText(image.names, `: ${call}: `, data.context);
    names.set(call, offset);
    return offset;
  };
  const placeHints = (hints: Failure["hints"]): Reference | undefined => {
    const list = createArena(128);
    for (const [name, hint] of Object.entries(hints ?? {})) {
      const errno = Object.hasOwn(ERRNO, name) ? errnoOf(name) : undefined;
      if (errno === undefined) throw refuse(data, `there is no errno ${name}`);
      put8(list, errno);
      const start = list.length;
      putText(list, hint, data.context);
      longestHint = Math.max(longestHint, list.length - start);
    }
    if (list.length === 0) return undefined;
    put8(list, 0);
    return placeBytes(data, list.bytes.subarray(0, list.length));
  };

  return {
    report(failure) {
      used = true;
      asm.call(entry);
      const hints = failure.hints === undefined ? undefined : placeHints(failure.hints);
      const name = failure.call === undefined ? 0 : nameOffset(failure.call);
      put32(image.code, firstWord(data, failure) | name | (hints === undefined ? 0 : HAS_HINTS));
      if (failure.guard >= 0) putAddress(data, reference(LABEL, failure.guard));
      if (hints !== undefined) putAddress(data, hints);
      const start = image.code.length;
      putText(image.code, failure.why, data.context);
      longestText = Math.max(longestText, image.code.length - start);
      asm.align();
    },
    finish(decimal) {
      if (!used) return;
      bindLabel(image, entry);
      const fixed = (prefix.length + 2) * 3 + 256;
      const line = bufferRoom(image, fixed + longestText + longestHint);
      emitPrint(asm, data, arch, placeText(data, `${prefix}: `), line, decimal);
    },
  };
}

function errnoOf(name: string): number | undefined {
  const numbers: Readonly<Record<string, number>> = ERRNO;
  return numbers[name];
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
  return placeBytes(data, new TextEncoder().encode(texts));
}

const LAST_NAMED = ERRNO[NAMED[NAMED.length - 1] ?? "EPERM"];

function emitPrint(
  asm: Assembler,
  data: Data,
  arch: Arch,
  prefix: Reference,
  line: Reference,
  decimal: () => number,
): void {
  const { image } = data;
  const { args, value, spare } = asm.registers;
  const [descriptor, errno, word, guard] = spare;
  const [out, text, count, , , hints] = args;
  const append = createLabel(image);
  const end = createLabel(image);

  emitStart(asm);
  asm.operateInteger("add", descriptor, 4);
  emitOptional(asm, data, word, HAS_GUARD, descriptor, guard);
  emitOptional(asm, data, word, HAS_HINTS, descriptor, hints);
  asm.address(out, line);
  asm.address(text, prefix);
  asm.call(append);
  asm.move(text, descriptor);
  asm.call(append);
  asm.operateInteger("cmp", errno, 0);
  asm.branch("eq", end);

  asm.address(text, reference(NAMES, 0));
  asm.move(value, word);
  asm.operateInteger("and", value, 0xffff);
  asm.operate("add", text, value);
  asm.call(append);
  emitErrno(asm, data, append, decimal);

  asm.operateInteger("test", word, HAS_HINTS);
  asm.branch("none", end);
  const nextHint = boundLabel(image);
  const match = createLabel(image);
  asm.load(value, hints, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("eq", end);
  asm.operateInteger("add", hints, 1);
  asm.operate("cmp", value, errno);
  asm.branch("eq", match);
  emitSkip(asm, data, hints);
  asm.jump(nextHint);
  bindLabel(image, match);
  asm.address(text, placeText(data, "; hint: "));
  asm.call(append);
  asm.move(text, hints);
  asm.call(append);

  bindLabel(image, end);
  asm.integer(value, "\n".charCodeAt(0));
  asm.store(out, 0, value, 1);
  asm.address(text, line);
  asm.move(count, out);
  asm.operate("sub", count, text);
  asm.operateInteger("add", count, 1);
  asm.integer(args[0], 2);
  asm.syscall(SYSCALLS[arch].write);
  emitEnd(asm, data, arch, word, guard);
  emitAppend(asm, image, append);
}

/** Appends "EPERM (operation not permitted)" or "errno 4711". */
function emitErrno(asm: Assembler, data: Data, append: number, decimal: () => number): void {
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
  const skip = boundLabel(image);
  asm.operateInteger("sub", left, 1);
  asm.operateInteger("cmp", left, 0);
  asm.branch("eq", found);
  emitSkip(asm, data, text);
  asm.jump(skip);
  bindLabel(image, found);
  asm.load(value, text, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", named);
  bindLabel(image, unnamed);
  asm.address(text, placeText(data, "errno "));
  asm.call(append);
  asm.move(text, errno);
  asm.call(decimal());
  asm.jump(done);
  bindLabel(image, named);
  asm.call(append);
  bindLabel(image, done);
}

/** Moves a pointer behind the next NUL. */
function emitSkip(asm: Assembler, data: Data, pointer: number): void {
  const { value } = asm.registers;
  const next = boundLabel(data.image);
  asm.load(value, pointer, 0, 1);
  asm.operateInteger("add", pointer, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", next);
}

/** Reads a word of the descriptor and steps over it, if the flag says that it is there. */
function emitOptional(
  asm: Assembler,
  data: Data,
  word: number,
  flag: number,
  descriptor: number,
  to: number,
): void {
  const absent = createLabel(data.image);
  asm.operateInteger("test", word, flag);
  asm.branch("none", absent);
  asm.load(to, descriptor, 0, 4);
  asm.operateInteger("add", descriptor, 4);
  bindLabel(data.image, absent);
}
