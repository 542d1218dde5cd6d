/** Terminals behind descriptors; node:tty costs almost 3 ms at start. */
import { O_CLOEXEC, O_NOCTTY, O_RDWR } from "../linux/fcntl.ts";
import { TCGETS, TIOCGPTPEER, TIOCGWINSZ, TIOCSPTLCK, TIOCSWINSZ } from "../linux/ioctl.ts";
import { close, open } from "./fd.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

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

/** Sets the window size of a terminal, by either end; who has it for a controlling terminal gets SIGWINCH. */
export function setWindowSize(fd: number, { rows, columns }: WindowSize): void {
  const winsize = new Uint16Array(new ArrayBuffer(8));
  winsize.set([rows, columns]);
  call(
    `make a terminal ${columns} columns wide and ${rows} lines high`,
    "ioctl",
    fd,
    TIOCSWINSZ,
    new Uint8Array(winsize.buffer),
  );
}

/** Both ends of a new pseudo-terminal (pty(7)), close-on-exec; it is nobody's controlling terminal. */
export function openTerminal(): { readonly master: number; readonly slave: number } {
  const master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  try {
    const why = "open a terminal";
    call(why, "ioctl", master, TIOCSPTLCK, new Uint8Array(new ArrayBuffer(4)));
    return { master, slave: call(why, "ioctl", master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC) };
  } catch (error) {
    close(master);
    throw error;
  }
}
