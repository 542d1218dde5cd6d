/** --debug: what hutch was asked for, and how long it took; told where errors are. */
import { write } from "../host/fd.ts";
import type { Globals } from "./globals.ts";
import { addToLog, logLine } from "./log.ts";

const STDERR = 2;

function tell({ log, logFormat }: Globals, message: string): void {
  if (log === undefined) {
    const line = logLine(logFormat, { level: "debug", message, time: Date.now() });
    write(STDERR, new TextEncoder().encode(line), "standard error");
  } else addToLog(log, logFormat, "debug", message);
}

/** A container in the foreground that hutch becomes has no second line: there is no hutch then. */
export async function withDebug(
  globals: Globals,
  words: readonly string[],
  run: () => Promise<void>,
): Promise<void> {
  const { root, cgroupManager, rootless } = globals;
  const start = performance.now();
  tell(globals, `hutch ${words.join(" ")} (root ${root}, cgroups ${cgroupManager}, rootless ${rootless})`);
  try {
    await run();
  } finally {
    tell(globals, `hutch ${words[0]} has taken ${(performance.now() - start).toFixed(1)} ms`);
  }
}
