/** What a launcher tells over its pipe: events and failures, 16 bytes each (see plan/follow.ts),
 * and behind a failure what it was about. */
import { RECORD_SIZE, recordAt, type StepRecord, subjectSize } from "../container/step-record.ts";
import { close } from "../host/fd.ts";
import { signalName } from "../linux/signal.ts";
import { EVENT, TIMED_OUT } from "../plan/creator-control.ts";

export type Report = StepRecord;

/** Takes whole reports out of what was read, which may end in the middle of one. */
export function reportReader(tell: (report: Report) => void): (bytes: Uint8Array) => void {
  let rest = new Uint8Array(0);
  return (bytes) => {
    const all = new Uint8Array(new ArrayBuffer(rest.length + bytes.length));
    all.set(rest);
    all.set(bytes, rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (at + RECORD_SIZE <= all.length) {
      const end = at + RECORD_SIZE + subjectSize(view, at);
      if (end > all.length) break;
      tell(recordAt(view, at, all.subarray(at + RECORD_SIZE, end)));
      at = end;
    }
    rest = all.slice(at);
  };
}

/** Reads a pipe to its end, and closes it; `stop` ends that early. */
export function readReports(fd: number, tell: (report: Report) => void) {
  const take = reportReader(tell);
  const reader = Bun.file(fd).stream().getReader();
  const read = async (): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        take(value);
      }
    } finally {
      // Bun reads from a copy of it.
      close(fd);
    }
  };
  return { ended: read(), stop: () => reader.cancel() };
}

export const isEvent = ({ index }: Report, event: keyof typeof EVENT): boolean => index === EVENT[event];

/** True for a step that has failed. */
export const isFailure = ({ index }: Report): boolean => index < EVENT.pid;

/** How a process ended, as wait(2) tells. */
export interface End {
  /** The exit code; null when a signal has ended it. */
  readonly code: number | null;
  /** Its name, such as "SIGKILL". */
  readonly signal: string | null;
  /** The timeout has ended it. */
  readonly timedOut: boolean;
}

/** The value of the event "exited". */
export function endOf(value: number): End {
  const timedOut = value >= TIMED_OUT;
  const status = value % TIMED_OUT;
  const signal = status & 0x7f;
  return signal === 0
    ? { code: (status >> 8) & 0xff, signal: null, timedOut }
    : { code: null, signal: signalName(signal), timedOut };
}
