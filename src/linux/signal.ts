/** Signal numbers (asm-generic/signal.h; the same on x86_64 and aarch64), and names as people write them. */
import { HutchError } from "./error.ts";

/** SIGIOT is SIGABRT and SIGPOLL is SIGIO. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

export type SignalName = keyof typeof SIGNALS;

const ALIASES: Readonly<Record<string, number>> = {
  SIGIOT: 6,
  SIGCLD: 17,
  SIGPOLL: 29,
  SIGUNUSED: 31,
};

/** The highest signal. */
export const SIGRTMAX = 64;

/**
 * The first real-time signal as programs see it. The kernel's is 32, but libc keeps 32 and 33 (glibc) or
 * 32 to 34 (musl) to itself; kill(1) and runc count from 34.
 */
export const SIGRTMIN = 34;

/** `how` of rt_sigprocmask(2). */
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;
/** Handlers of rt_sigaction(2). */
export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const SA_NOCLDSTOP = 1;
export const SA_NOCLDWAIT = 2;
export const SA_RESTART = 0x10000000;
/** Of signalfd4(2). */
export const SFD_CLOEXEC = 0o2000000;
export const SFD_NONBLOCK = 0o4000;
/** Bytes of the kernel's sigset_t, the last argument of the rt_sig* calls. */
export const SIGSET_SIZE = 8;

function realTime(name: string): number | undefined {
  const match = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (match === null) return undefined;
  const offset = Number(match[3] ?? 0);
  if (match[1] === "MIN" && match[2] !== "-") return SIGRTMIN + offset;
  if (match[1] === "MAX" && match[2] !== "+") return SIGRTMAX - offset;
  return undefined;
}

/**
 * The number of a signal written as "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" or "SIGRTMAX-1".
 * Throws HutchError for anything else, 0 included.
 */
export function signalNumber(signal: string): number {
  const upper = signal.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const known: Readonly<Record<string, number>> = SIGNALS;
  const number = /^\d{1,2}$/.test(signal)
    ? Number(signal)
    : Object.hasOwn(known, name)
      ? known[name]
      : Object.hasOwn(ALIASES, name)
        ? ALIASES[name]
        : realTime(name);
  if (number === undefined || number < 1 || number > SIGRTMAX) {
    throw new HutchError({
      operation: `signal "${signal}"`,
      reason: "is not known",
      hint: "a name such as TERM or SIGTERM, RTMIN+1, or a number from 1 to 64",
    });
  }
  return number;
}

/** "SIGTERM" of 15, "SIGRTMIN+3" of 37; "signal 99" when there is none. */
export function signalName(number: number): string {
  for (const [name, value] of Object.entries(SIGNALS)) if (value === number) return name;
  if (number === SIGRTMIN) return "SIGRTMIN";
  return number > SIGRTMIN && number <= SIGRTMAX ? `SIGRTMIN+${number - SIGRTMIN}` : `signal ${number}`;
}

/** A sigset_t as the kernel's rt_sig* calls take it: bit n−1 for signal n. */
export function signalSet(numbers: Iterable<number>): bigint {
  let set = 0n;
  for (const number of numbers) set |= 1n << BigInt(number - 1);
  return set;
}
