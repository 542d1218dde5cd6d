/** asm-generic/resource.h of the kernel's UAPI. */

/** Resource limits: `process.rlimits[].type` of the OCI spec to the number prlimit64(2) takes. */
export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;

export type RlimitName = keyof typeof RLIMITS;

/** No limit. */
export const RLIM_INFINITY = 0xffffffffffffffffn;

/** The number of a limit written as "RLIMIT_NOFILE", "NOFILE" or "nofile"; undefined when there is none. */
export function rlimitNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const full = upper.startsWith("RLIMIT_") ? upper : `RLIMIT_${upper}`;
  const known: Readonly<Record<string, number>> = RLIMITS;
  return Object.hasOwn(known, full) ? known[full] : undefined;
}
