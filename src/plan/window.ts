/** The size of a terminal's window: struct winsize (ioctl_tty(2)). */
import { TIOCGWINSZ, TIOCSWINSZ } from "../linux/ioctl.ts";
import { branch, buffer, call, label, load, slot } from "./build.ts";
import type { Call, Slot, Step } from "./step.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

const WINDOW = buffer("window size", 8);

/** What a stream answers that is no terminal, or one that has gone. */
export const NO_TERMINAL = { ENOTTY: "ignore", EBADF: "ignore", EIO: "ignore", EINVAL: "ignore" } as const;

/**
 * The terminal's window is as large as the caller's; without one, or one without a size, it stays as it was
 * made.
 */
export function copyWindow(terminal: Slot, tag: string): Step[] {
  const why = "give the terminal the caller's window size";
  const result = slot("window");
  const ask = (stream: number): Call =>
    call(why, "ioctl", [stream, TIOCGWINSZ, WINDOW], { into: result, errors: NO_TERMINAL });
  return [
    ask(STDIN),
    branch(result, "eq", 0, `${tag}: asked`),
    ask(STDOUT),
    branch(result, "eq", 0, `${tag}: asked`),
    // Of a caller who has redirected both, or of a library, whose window this is.
    ask(STDERR),
    branch(result, "ne", 0, tag),
    label(`${tag}: asked`),
    load(result, WINDOW, 0, 4),
    branch(result, "eq", 0, tag),
    call(why, "ioctl", [terminal, TIOCSWINSZ, WINDOW], { errors: { EBADF: "ignore" } }),
    label(tag),
  ];
}
