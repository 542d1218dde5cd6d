/** The launcher's loop when the container has a terminal: caller's streams ↔ master of the pty, and signals. */
import { O_NONBLOCK } from "../linux/fcntl.ts";
import { TCGETS, TCSETS, TIOCGWINSZ, TIOCSWINSZ } from "../linux/ioctl.ts";
import { SFD_CLOEXEC, SIGNALS } from "../linux/signal.ts";
import { branch, buffer, bytes, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import { TAKEN } from "./signal.ts";
import type { Slot, Step } from "./step.ts";
import { SIGSET_SIZE, signalSet } from "./struct.ts";
import { type Child, handle, SIGNAL, superviseChild } from "./supervise.ts";
import { MASTER, receiveMaster } from "./terminal.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const POLLIN = 1;
const POLLOUT = 4;
const CHUNK = 4096;
const STDIN = 0;
const STDOUT = 1;

/** struct termios of the kernel (asm-generic/termbits.h): four words, the line discipline, 19 control characters. */
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
const IS_TTY = slot("stdin is a terminal");
const WINDOW = buffer("window size", 8);
const SIGNAL_FILE = slot("signal file");
const FLAGS = slot("stdout flags");
const COUNT = slot("bytes");

/** struct pollfd × 3: signals, the master, standard input. */
const POLL = buffer("pollfd", 24);
const FD = { signals: 0, master: 8, input: 16 } as const;
const EVENTS = 4;
const REVENTS = 6;
const NOBODY = 0xffffffff;

/** What has been read of standard input and not yet taken by the container. */
const INPUT = buffer("input", CHUNK);
const REST = slot("input rest");
const REST_LENGTH = slot("input rest length");
const OUTPUT = buffer("output", CHUNK);

/** The caller's terminal goes raw: every key is the container's, ^C included. */
function enterRawMode(): Step[] {
  const why = "put the caller's terminal into raw mode";
  const word = slot("termios word");
  return [
    call("look whether standard input is a terminal", "ioctl", [STDIN, TCGETS, SAVED], {
      into: IS_TTY,
      errors: { ENOTTY: "ignore", EBADF: "ignore", EIO: "ignore", EINVAL: "ignore" },
    }),
    branch(IS_TTY, "ne", 0, "not raw"),
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
    label("not raw"),
  ];
}

/** Gives the caller its terminal and its streams back as they were. */
export const leaveRawMode = (): Step[] => [
  branch(IS_TTY, "ne", 0, "was not raw"),
  call("give the caller its terminal back", "ioctl", [STDIN, TCSETS, SAVED], { errors: { EIO: "ignore" } }),
  label("was not raw"),
  branch(FLAGS, "eq", 0, "stdout was blocking"),
  call("give the caller its stdout back", "fcntl", [STDOUT, F_SETFL, FLAGS], { errors: { EBADF: "ignore" } }),
  label("stdout was blocking"),
];

/** The container's window is as large as the caller's; without one it stays as it was made. */
function copyWindow(tag: string): Step[] {
  const why = "give the terminal the caller's window size";
  const failed = slot("no window");
  return [
    call(why, "ioctl", [STDIN, TIOCGWINSZ, WINDOW], {
      into: failed,
      errors: { ENOTTY: { to: tag }, EBADF: { to: tag }, EIO: { to: tag }, EINVAL: { to: tag } },
    }),
    call(why, "ioctl", [MASTER, TIOCSWINSZ, WINDOW], { errors: { EIO: "ignore" } }),
    label(tag),
  ];
}

function startRelay(): Step[] {
  const current = slot("master flags");
  return [
    call("take signals from a descriptor", "signalfd4", [-1, signalSet(TAKEN), SIGSET_SIZE, SFD_CLOEXEC], {
      into: SIGNAL_FILE,
    }),
    // Output is written whole: a non-blocking stdout, which others may share, would take a part of it.
    call("look how stdout is open", "fcntl", [STDOUT, F_GETFL, 0], {
      into: FLAGS,
      errors: { EBADF: "ignore" },
    }),
    branch(FLAGS, "lt", 0, "stdout blocks"),
    compute(current, FLAGS, "and", ~O_NONBLOCK),
    branch(FLAGS, "eq", current, "stdout blocks"),
    call("make stdout blocking", "fcntl", [STDOUT, F_SETFL, current]),
    jump("stdout made blocking"),
    label("stdout blocks"),
    set(FLAGS, 0),
    label("stdout made blocking"),
    // Input may be taken in part: else a container that only writes, and a caller that only types, would both wait.
    call("make the master non-blocking", "fcntl", [MASTER, F_GETFL, 0], { into: current }),
    compute(current, current, "or", O_NONBLOCK),
    call("make the master non-blocking", "fcntl", [MASTER, F_SETFL, current]),
    store(POLL, FD.signals, 4, SIGNAL_FILE),
    store(POLL, FD.signals + EVENTS, 2, POLLIN),
    store(POLL, FD.master, 4, MASTER),
    store(POLL, FD.input, 4, STDIN),
    store(POLL, FD.input + EVENTS, 2, POLLIN),
  ];
}

/** Waits for something to do. Standard input is read only when the last of it has been taken. */
const poll = (): Step[] => [
  store(POLL, FD.master + EVENTS, 2, POLLIN),
  branch(REST_LENGTH, "eq", 0, "nothing to hand in"),
  store(POLL, FD.master + EVENTS, 2, POLLIN | POLLOUT),
  label("nothing to hand in"),
  call("wait for keys, output or a signal", "ppoll", [POLL, 3, 0, 0, 0], { errors: { EINTR: "retry" } }),
];

const revents = (into: Slot, offset: number): Step => load(into, POLL, offset + REVENTS, 2);

/** What the container has written goes to standard output; `ended` is where EIO (all its ends closed) leads. */
const copyOutput = (ended: string): Step[] => [
  call("read what the container wrote", "read", [MASTER, OUTPUT, CHUNK], {
    into: COUNT,
    errors: { EIO: { to: ended }, EAGAIN: { to: ended }, EINTR: "retry" },
  }),
  branch(COUNT, "eq", 0, ended),
  call("show it", "write", [STDOUT, OUTPUT, COUNT], {
    errors: { EINTR: "retry", EPIPE: "ignore", EIO: "ignore", EBADF: "ignore" },
  }),
];

/** Hands the rest of the input in, as much as the terminal takes. */
const handIn = (done: string): Step[] => [
  call("hand the input in", "write", [MASTER, REST, REST_LENGTH], {
    into: COUNT,
    errors: { EAGAIN: { to: done }, EIO: { to: done }, EINTR: "retry" },
  }),
  compute(REST, REST, "add", COUNT),
  compute(REST_LENGTH, REST_LENGTH, "sub", COUNT),
  label(done),
];

const EOT = 4;

/** Reads the caller's keys; at the end of input the container is told with ^D, and the caller no longer asked. */
const readInput = (): Step[] => [
  call("read the caller's input", "read", [STDIN, INPUT, CHUNK], {
    into: REST_LENGTH,
    errors: {
      EIO: { to: "input ended" },
      EAGAIN: { to: "input read" },
      EBADF: { to: "input ended" },
      EINTR: "retry",
    },
  }),
  set(REST, INPUT),
  branch(REST_LENGTH, "gt", 0, "input read"),
  label("input ended"),
  store(POLL, FD.input, 4, NOBODY),
  call(
    "tell the container that the input has ended",
    "write",
    [MASTER, bytes(new Uint8Array([EOT]), "^D"), 1],
    {
      errors: { EAGAIN: "ignore", EIO: "ignore" },
    },
  ),
  set(REST_LENGTH, 0),
  label("input read"),
];

/** Supervises a container with a terminal; falls through, the terminal restored, once it has ended. */
export function superviseTerminal(child: Child, timeout: number): Step[] {
  const event = slot("event");
  const information = buffer("signalfd_siginfo", 128);
  return [
    ...receiveMaster("no terminal"),
    ...enterRawMode(),
    ...copyWindow("window copied"),
    ...startRelay(),
    label("relay"),
    ...poll(),
    revents(event, FD.master),
    branch(event, "eq", 0, "no output"),
    branch(event, "eq", POLLOUT, "no output"),
    ...copyOutput("output ended"),
    jump("no output"),
    label("output ended"),
    // The last process has closed the terminal: its end will be told by SIGCHLD, and POLLHUP would not let us sleep.
    store(POLL, FD.master, 4, NOBODY),
    set(REST_LENGTH, 0),
    label("no output"),
    branch(REST_LENGTH, "eq", 0, "nothing left"),
    ...handIn("handed in"),
    jump("no input"),
    label("nothing left"),
    revents(event, FD.input),
    branch(event, "eq", 0, "no input"),
    ...readInput(),
    label("no input"),
    revents(event, FD.signals),
    branch(event, "eq", 0, "relay"),
    call("take the signal", "read", [SIGNAL_FILE, information, 128], { errors: { EINTR: "retry" } }),
    load(SIGNAL, information, 0, 4),
    branch(SIGNAL, "ne", SIGNALS.SIGWINCH, "no resize"),
    ...copyWindow("window resized"),
    jump("relay"),
    label("no resize"),
    ...handle(child, timeout, "relay"),
    // What was written before the end is still in the terminal; others may hold it open, so nobody waits for EIO.
    label("drain"),
    ...copyOutput("drained"),
    jump("drain"),
    label("drained"),
    ...leaveRawMode(),
    jump("relayed"),
    label("no terminal"),
    ...superviseChild(child, timeout, "no terminal: wait"),
    label("relayed"),
  ];
}
