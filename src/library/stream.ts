/** The standard streams of a process in a container. */
import { HutchError } from "../linux/error.ts";

/** Where a stream comes from or goes to; a number is a descriptor. */
export type Stream = "pipe" | "inherit" | "ignore" | number;

export type Streams = [stdin: Stream, stdout: Stream, stderr: Stream];

const WORDS: readonly unknown[] = ["pipe", "inherit", "ignore", undefined];

const isStream = (value: unknown): boolean =>
  WORDS.includes(value) || (typeof value === "number" && Number.isInteger(value) && value >= 0);

/** Throws HutchError for what is no stream: Bun's own error would not say which. */
export function checkStreams(
  operation: string,
  streams: { readonly stdin?: unknown; readonly stdout?: unknown; readonly stderr?: unknown },
): void {
  for (const [name, value] of Object.entries({ ...streams })) {
    if (!["stdin", "stdout", "stderr"].includes(name) || isStream(value)) continue;
    const reason = 'expected "pipe", "inherit", "ignore", or the number of a descriptor';
    throw new HutchError({ operation: `${operation}: ${name}`, reason });
  }
}
