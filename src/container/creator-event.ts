/** What the creator of a container tells `hutch create`, and what is wrong when it tells of a failure. */
import type { HutchError } from "../linux/error.ts";
import { POLLIN } from "../linux/poll.ts";
import { EVENT } from "../plan/creator-control.ts";
import type { Program } from "./program.ts";
import { nextRecord, type StepRecord } from "./step-record.ts";

/** One event or failure; undefined when the program has ended. */
export const nextEvent = (fd: number): StepRecord | undefined => nextRecord(fd, "what the creator tells");

/** What a step of the program has told. */
export async function failure(program: Program, event: StepRecord): Promise<HutchError> {
  const { stepError } = await import("./step-error.ts");
  return stepError(await program.plan(), event);
}

/** What an init has told before it ended, of which its pid was read too late; undefined for nothing. */
export async function lastWord(program: Program, fd: number): Promise<HutchError | undefined> {
  const { poll } = await import("../host/poll.ts");
  for (;;) {
    const event = poll([{ fd, events: POLLIN }], 0)[0] === 0 ? undefined : nextEvent(fd);
    if (event === undefined) return undefined;
    if (event.index < EVENT.pid) return failure(program, event);
  }
}
