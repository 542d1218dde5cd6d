/** System calls by name. */
import type { Arch } from "../linux/arch.ts";
import { type ErrnoName, errnoName, isErrnoName } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import { SYSCALLS, type SyscallName } from "../linux/syscall.ts";
import { hostArch, systemCall, type Word } from "./libc.ts";
import { addressOf, cString } from "./memory.ts";

/** A text goes as a pointer to its NUL-terminated UTF-8 bytes, an array as a pointer to its first byte. */
export type SyscallArgument = Word | string | Uint8Array;

let arch: Arch | undefined;

/** The number of a system call on this machine. */
export function syscallNumber(name: SyscallName): number {
  arch ??= hostArch();
  return SYSCALLS[arch][name];
}

/** A register's content; an array is added to `pinned`, because an address does not keep memory alive. */
function word(argument: SyscallArgument, pinned: Uint8Array[]): Word {
  if (typeof argument === "number" || typeof argument === "bigint") return argument;
  const bytes = typeof argument === "string" ? cString(argument) : argument;
  pinned.push(bytes);
  return addressOf(bytes);
}

/** One system call; its value, or −errno. */
export function syscall(name: SyscallName, ...args: readonly SyscallArgument[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
  const pinned: Uint8Array[] = [];
  const number = syscallNumber(name);
  const result = systemCall(
    number,
    word(a, pinned),
    word(b, pinned),
    word(c, pinned),
    word(d, pinned),
    word(e, pinned),
    word(f, pinned),
  );
  pinned.length = 0;
  return Number(result);
}

/** True for the result of a call that failed. */
export function failed(result: Word): boolean {
  return result < 0 && result >= -4095;
}

/** The error for a call that gave `result` (−errno). */
export function syscallError(operation: string, result: Word, hint?: string, exitCode?: number): HutchError {
  const errno = errnoOf(result);
  return new HutchError({
    operation,
    errno,
    reason: errno === undefined ? `errno ${-Number(result)}` : undefined,
    hint,
    exitCode,
  });
}

/**
 * The name of the errno in the result of a failed call; a few the kernel lets slip out have none (ENOTSUPP,
 * 524).
 */
export function errnoOf(result: Word): ErrnoName | undefined {
  const name = errnoName(Number(result));
  return isErrnoName(name) ? name : undefined;
}

/** One system call that must succeed; throws HutchError, for which `operation` says what was being done. */
export function call(operation: string, name: SyscallName, ...args: readonly SyscallArgument[]): number {
  const result = syscall(name, ...args);
  if (failed(result)) throw syscallError(operation, result);
  return result;
}
