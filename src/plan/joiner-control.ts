/** The descriptors that hutch and the program of `exec` agree upon; apart, because a kept program needs no planner. */

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
