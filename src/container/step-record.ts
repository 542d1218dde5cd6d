/** What a program writes to the pipe for its reports: events, and steps that failed (emit/report.ts). */
import { read } from "../host/fd.ts";
import { EVENT } from "../plan/creator-control.ts";

/** Bytes of a record; behind that of a step that failed its subject may follow. */
export const RECORD_SIZE = 16;

export interface StepRecord {
  /** An event, or the index of a step that failed. */
  readonly index: number;
  /** Of the event; or the errno. */
  readonly value: number;
  /** What the step was about, where only the running program knows it. */
  readonly subject?: string;
}

/** How many bytes of a subject follow. */
export const subjectSize = (view: DataView, at = 0): number =>
  Number(view.getBigUint64(at, true)) < EVENT.pid ? view.getUint32(at + 12, true) : 0;

/** The record at `at`, and the subject that was found behind it. */
export function recordAt(view: DataView, at = 0, subject = new Uint8Array(0)): StepRecord {
  const index = Number(view.getBigUint64(at, true));
  if (index >= EVENT.pid) return { index, value: Number(view.getBigUint64(at + 8, true)) };
  const value = view.getUint32(at + 8, true);
  return subject.length === 0
    ? { index, value }
    : { index, value, subject: new TextDecoder().decode(subject) };
}

/** The next of a pipe, or undefined at its end. */
export function nextRecord(fd: number, what: string): StepRecord | undefined {
  const view = new DataView(new ArrayBuffer(RECORD_SIZE));
  if (read(fd, new Uint8Array(view.buffer), what) < RECORD_SIZE) return undefined;
  const size = subjectSize(view);
  if (size === 0) return recordAt(view);
  // Both were written at once.
  const subject = new Uint8Array(new ArrayBuffer(size));
  read(fd, subject, what);
  return recordAt(view, 0, subject);
}
