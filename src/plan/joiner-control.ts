/** What hutch and the program of `exec` agree upon; apart, because a kept program needs no planner. */

/** What `exec` is to do, beside the process and the container's own configuration. */
export interface Joining {
  /** The CLONE_NEW* flags of the namespaces that are not the caller's. */
  readonly namespaces: number;
  /** The `tasks` files of the cgroups of version 1. */
  readonly tasks: readonly string[];
  /**
   * Directories of version 2: the one to enter, and others for when it may have no processes of its own
   * (EBUSY).
   */
  readonly unified: readonly string[];
  /**
   * Only how many paths there are is known: the program takes them as arguments, `tasks` first, and so joins
   * one container after the other.
   */
  readonly givesPaths?: boolean;
  /**
   * hutch lives on until the program runs, or beside it (Launch.followed), and is told of failures; else it
   * has become the supervisor.
   */
  readonly detached: boolean;
  /** Written by the supervisor in the foreground. */
  readonly pidFile: string | undefined;
  /** A pidfd of the process is sent over the socket among the descriptors. */
  readonly sendsPidfd: boolean;
}

/**
 * The descriptors behind those to be preserved. What stands before "program" the joiner still has, what stands
 * before "console" the member. Without hutch there is nobody to tell: then all but "init", "program" and
 * "socket" are idle.
 */
export const JOINER_CONTROL = ["report", "console", "init", "program", "pid", "go", "socket"] as const;

export type Control = (typeof JOINER_CONTROL)[number];

/** The number of one of them. */
export const joinerDescriptor = (preserveFds: number, which: Control): number =>
  3 + preserveFds + JOINER_CONTROL.indexOf(which);

/** Where hutch leaves "program", "init" and "socket" when it becomes the supervisor: above its own. */
export const HIGH = { program: 100, init: 101, socket: 102 } as const;
