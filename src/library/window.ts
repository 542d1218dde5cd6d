/**
 * The window of a container's terminal. The launcher relays between that terminal and the caller's streams,
 * which have no size; it finds one in a terminal of the caller's that serves for nothing else.
 */
import { close } from "../host/fd.ts";
import { openTerminal, setWindowSize, type WindowSize } from "../host/terminal.ts";
import { HutchError } from "../linux/error.ts";

export interface Window {
  /** For the launcher's standard error; to be closed when it has it. */
  readonly stream: number;
  /** False when the window is closed. */
  readonly resize: (size: WindowSize) => boolean;
  readonly close: () => void;
}

/** struct winsize has 16 bits for each. */
const LARGEST = 0xffff;

/** A size that a terminal can have; throws HutchError for any other. */
export function checkSize(name: string, { columns, rows }: WindowSize): WindowSize {
  for (const size of [columns, rows]) {
    if (Number.isInteger(size) && size > 0 && size <= LARGEST) continue;
    throw new HutchError({ operation: name, reason: "expected columns and rows from 1 to 65535" });
  }
  return { columns, rows };
}

/** Throws HutchError for a stream beside that of the terminal. */
export function refuseStderr(stderr: unknown): void {
  if (stderr === undefined || stderr === "ignore") return;
  throw new HutchError({
    operation: "stderr",
    reason: "what is written to a terminal comes by stdout",
    hint: "leave it out, or do without a terminal",
  });
}

/** Opens one, of no size when nothing is said. */
export function openWindow(size: WindowSize | undefined): Window {
  const { master, slave } = openTerminal();
  let isOpen = true;
  if (size !== undefined) setWindowSize(master, size);
  return {
    stream: slave,
    resize: (wanted) => {
      const checked = checkSize("resize", wanted);
      if (isOpen) setWindowSize(master, checked);
      return isOpen;
    },
    close: () => {
      if (isOpen) close(master);
      isOpen = false;
    },
  };
}
