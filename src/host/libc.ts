/**
 * The one dlopen of the project. Two symbols, because each costs start-up time and `syscall` reaches every
 * call of the kernel; a machine-code stub that returns −errno would spare errno and costs 0.2 ms more.
 */
import { dlopen, FFIType, read } from "bun:ffi";
import { type Arch, archNamed } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";

/** A register as it goes into a call or comes out of it: a bigint when it does not fit a number. */
export type Word = number | bigint;

// A number outside of int32 still passes whole, a bigint wraps at 64 bits, and undefined is refused.
const WORD = FFIType.i64_fast;

function bind() {
  try {
    return dlopen("libc.so.6", {
      syscall: { args: [WORD, WORD, WORD, WORD, WORD, WORD, WORD], returns: WORD },
      __errno_location: { args: [], returns: "ptr" },
    }).symbols;
  } catch (cause) {
    throw new HutchError({
      operation: "load libc.so.6",
      reason: cause instanceof Error ? cause.message : String(cause),
      hint: "calls into libc need executable memory: MemoryDenyWriteExecute= of a unit, PR_SET_MDWE and SELinux's execmem forbid it",
      cause,
    });
  }
}

interface Libc {
  readonly call: ReturnType<typeof bind>["syscall"];
  /** Address of errno of this thread; every worker has its own copy of this module, hence its own. */
  readonly errno: number | bigint;
}

let libc: Libc | undefined;

function load(): Libc {
  const symbols = bind();
  const errno = symbols.__errno_location();
  if (errno === null) throw new HutchError({ operation: "find errno", reason: "libc gave no address" });
  libc = { call: symbols.syscall, errno };
  return libc;
}

/** The instruction set this process runs on. */
export function hostArch(): Arch {
  return archNamed(process.arch);
}

/** One system call by number; the result as the kernel gives it: a value, or −errno (−4095 to −1). */
export function systemCall(number: number, a: Word, b: Word, c: Word, d: Word, e: Word, f: Word): Word {
  const { call, errno } = libc ?? load();
  const result = call(number, a, b, c, d, e, f);
  // Nothing may run between the call and this read: any call of Bun's can overwrite errno.
  return result === -1 ? -read.i32(errno, 0) : result;
}
