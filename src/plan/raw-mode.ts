/** The caller's terminal: raw as long as the container has one of its own. */
import { TCGETS, TCSETS } from "../linux/ioctl.ts";
import { branch, buffer, call, compute, label, load, set, slot, store } from "./build.ts";
import type { Step } from "./step.ts";
import { NO_TERMINAL } from "./window.ts";

const STDIN = 0;

/**
 * struct termios of the kernel (asm-generic/termbits.h): four words, the line discipline, 19 control
 * characters.
 */
const TERMIOS_SIZE = 36;
const IFLAG = 0;
const OFLAG = 4;
const CFLAG = 8;
const LFLAG = 12;
const VTIME = 17 + 5;
const VMIN = 17 + 6;

/** cfmakeraw(3), word by word: what is cleared and what is set. */
const RAW = [
  // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  { offset: IFLAG, clear: 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000, set: 0 },
  // OPOST
  { offset: OFLAG, clear: 0o1, set: 0 },
  // CSIZE PARENB, CS8
  { offset: CFLAG, clear: 0o60 | 0o400, set: 0o60 },
  // ISIG ICANON ECHO ECHONL IEXTEN
  { offset: LFLAG, clear: 0o1 | 0o2 | 0o10 | 0o100 | 0o100000, set: 0 },
] as const;

const SAVED = buffer("caller's termios", TERMIOS_SIZE);
const RAW_MODE = buffer("raw termios", TERMIOS_SIZE);
const IS_RAW = slot("the caller's terminal is raw");

/** The caller's terminal goes raw: every key is the container's, ^C included. */
export function enterRawMode(): Step[] {
  const why = "put the caller's terminal into raw mode";
  const word = slot("termios word");
  const result = slot("stdin is a terminal");
  return [
    call("look whether standard input is a terminal", "ioctl", [STDIN, TCGETS, SAVED], {
      into: result,
      errors: NO_TERMINAL,
    }),
    branch(result, "ne", 0, "not raw"),
    call(why, "ioctl", [STDIN, TCGETS, RAW_MODE]),
    ...RAW.flatMap((change) => [
      load(word, RAW_MODE, change.offset, 4),
      compute(word, word, "and", 0xffffffff & ~change.clear),
      compute(word, word, "or", change.set),
      store(RAW_MODE, change.offset, 4, word),
    ]),
    store(RAW_MODE, VTIME, 1, 0),
    store(RAW_MODE, VMIN, 1, 1),
    call(why, "ioctl", [STDIN, TCSETS, RAW_MODE]),
    set(IS_RAW, 1),
    label("not raw"),
  ];
}

/** Gives the caller its terminal back as it was; nothing when it was not touched. */
export const leaveRawMode = (tag: string): Step[] => [
  branch(IS_RAW, "eq", 0, tag),
  call("give the caller its terminal back", "ioctl", [STDIN, TCSETS, SAVED], { errors: { EIO: "ignore" } }),
  label(tag),
];

/** After a stop: the shell has had the terminal for itself, and set it to its own liking. */
export const renewRawMode = (tag: string): Step[] => [
  branch(IS_RAW, "eq", 0, tag),
  call("put the caller's terminal into raw mode again", "ioctl", [STDIN, TCSETS, RAW_MODE], {
    errors: { EIO: "ignore", EINTR: "retry" },
  }),
  label(tag),
];
