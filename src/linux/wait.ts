/** wait.h of the kernel's UAPI, and what libc's macros read from a wait status. */
export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WSTOPPED = 2;
export const WEXITED = 4;
export const WCONTINUED = 8;
export const WNOWAIT = 0x1000000;
export const __WNOTHREAD = 0x20000000;
/** Wait for children of any exit signal; needed when a clone asked for none. */
export const __WALL = 0x40000000;
export const __WCLONE = 0x80000000;

/** `idtype` of waitid(2). */
export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;

/** `si_code` of the siginfo waitid(2) fills in. */
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_TRAPPED = 4;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;

/** The exit code a shell would show for a wait status: the code itself, or 128 and the signal. */
export function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
