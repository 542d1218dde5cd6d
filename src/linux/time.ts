/** time.h of the kernel's UAPI; the same on x86_64 and aarch64. */

/** Seconds since 1970; whoever sets the clock changes it. */
export const CLOCK_REALTIME = 0;
/** Nanoseconds since boot, without those of a machine that slept; nobody can set it. */
export const CLOCK_MONOTONIC = 1;
