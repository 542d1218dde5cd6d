/** Terminals behind descriptors; node:tty costs almost 3 ms at start. */
import { TCGETS, TIOCGWINSZ } from "../linux/ioctl.ts";
import { errnoOf, failed, syscall, syscallError } from "./syscall.ts";

/** Whether a descriptor is a terminal. */
export function isTerminal(fd: number): boolean {
  // struct termios of the kernel has 36 bytes.
  return !failed(syscall("ioctl", fd, TCGETS, new Uint8Array(new ArrayBuffer(64))));
}

/** The size of a terminal's window, in characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** The window size of a terminal, or undefined when the descriptor is none; 0 by 0 when nobody has set it. */
export function windowSize(fd: number): WindowSize | undefined {
  const winsize = new Uint16Array(new ArrayBuffer(8));
  const result = syscall("ioctl", fd, TIOCGWINSZ, new Uint8Array(winsize.buffer));
  if (failed(result)) {
    if (errnoOf(result) === "ENOTTY") return undefined;
    throw syscallError(`ask for the window size of descriptor ${fd} (TIOCGWINSZ)`, result);
  }
  const [rows = 0, columns = 0] = winsize;
  return { rows, columns };
}
