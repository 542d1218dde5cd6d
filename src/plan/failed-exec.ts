/**
 * How the entry program has Bun tell that a detached `exec` has failed. When its process is made already, a
 * second try could execute the command twice, and a terminal that was sent cannot be sent again. So Bun
 * begins with a variable that says what has failed, does nothing, and tells it as it would have told it
 * itself: also to --log, where engines look for it.
 *
 * The value are four numbers with spaces: the process id, so that no other process takes it for its own; the
 * kind of failure; and of a step its number and errno, as the program of `exec` reports them.
 */

export const FAILED_NAME = "HUTCH_EXEC_FAILED";

export const FAILED = {
  /** A step of the program of `exec`. */
  step: 0,
  /** The supervisor has ended and told nothing. */
  ended: 1,
  /** The pid could not be written; the command was ended. */
  pidFile: 2,
} as const;

export interface Failed {
  readonly kind: number;
  readonly step: number;
  readonly errno: number;
}

const FORM = /^(\d+) (\d+) (\d+) (\d+)$/;

/** What has failed in this process, if anything has. */
export function readFailed(value: string | undefined, pid: number): Failed | undefined {
  const [, ...numbers] = FORM.exec(value ?? "") ?? [];
  const [own, kind, step, errno] = numbers.map(Number);
  if (own !== pid || kind === undefined || step === undefined || errno === undefined) return undefined;
  return { kind, step, errno };
}
