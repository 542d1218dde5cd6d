/** Lines of the file of --log, in the two forms that engines read. */
import { close, open, write } from "../host/fd.ts";
import { O_APPEND, O_CREAT, O_WRONLY } from "../linux/fcntl.ts";

export type Level = "error" | "warning" | "debug";

export interface LogLine {
  readonly level: Level;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** RFC 3339 to the second. */
const timestamp = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, "Z");

export function logLine(format: "text" | "json", { level, message, time }: LogLine): string {
  const when = timestamp(time);
  if (format === "json") return `${JSON.stringify({ level, msg: message, time: when })}\n`;
  return `time="${when}" level=${level} msg=${JSON.stringify(message)}\n`;
}

/** Adds a line to the file, in one call, so that lines of several programs do not mix. */
export function addToLog(path: string, format: "text" | "json", level: Level, message: string): void {
  const fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644);
  try {
    write(fd, new TextEncoder().encode(logLine(format, { level, message, time: Date.now() })), path);
  } finally {
    close(fd);
  }
}
