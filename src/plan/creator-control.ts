/**
 * What hutch and the creator agree on: descriptors by their numbers, events and sizes. Apart from the plan,
 * because a program that was kept is handed the same without being planned.
 */

/** The descriptors that hutch hands to the creator's program, in this order, after those to be preserved. */
export const CONTROL = ["report", "go", "hand", "start", "console", "pidfd"] as const;

/** The number of a control descriptor. */
export const controlDescriptor = (preserveFds: number, which: (typeof CONTROL)[number]): number =>
  3 + preserveFds + CONTROL.indexOf(which);

/** Events on the report pipe, told apart from the indexes of failed steps (16 bytes: event, value). */
export const EVENT = {
  pid: 0x1_0000_0000,
  ready: 0x1_0000_0001,
  handed: 0x1_0000_0002,
  made: 0x1_0000_0003,
  supervised: 0x1_0000_0004,
  running: 0x1_0000_0004,
  settled: 0x1_0000_0006,
  exited: 0x1_0000_0005,
  oomKills: 0x1_0000_0006,
  memoryPeak: 0x1_0000_0007,
  began: 0x1_0000_0008,
} as const;

/** The longest state of the container as JSON, with STATE_END: as much as a pipe holds (pipe(7)). */
export const STATE_SIZE = 65_536;
/** What hutch sends ends so: JSON has none, and a pipe may give less than was written to it. */
export const STATE_END = "\n";

/** In the value of "exited", beside the wait status (wait(2)): the time was up. */
export const TIMED_OUT = 0x1_0000_0000;
