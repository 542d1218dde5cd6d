/**
 * The launcher's loop when the container has a terminal: caller's streams ↔ master of the pty, and
 * signals.
 */

import { O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../linux/fcntl.ts";
import { TIOCGPTPEER } from "../linux/ioctl.ts";
import { POLLIN } from "../linux/poll.ts";
import { SFD_CLOEXEC, SIGNALS } from "../linux/signal.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import { endInput, limitPoll, POLL_LIMIT, repeatEnd } from "./end-of-input.ts";
import { enterRawMode, leaveRawMode, renewRawMode } from "./raw-mode.ts";
import { TAKEN } from "./signal.ts";
import type { Slot, Step } from "./step.ts";
import { SIGSET_SIZE, signalSet } from "./struct.ts";
import { ABANDONED, type Child, handle, SIGNAL, superviseChild } from "./supervise.ts";
import { MASTER, receiveMaster } from "./terminal.ts";
import { copyWindow } from "./window.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const POLLOUT = 4;
/** PIPE_BUF: a pipe that poll(2) calls writable takes as much without blocking. */
const CHUNK = 4096;
const STDIN = 0;
const STDOUT = 1;

const SIGNAL_FILE = slot("signal file");
const SLAVE = slot("launcher's terminal");
const COUNT = slot("bytes");

/** struct pollfd × 4. A negative descriptor is not looked at. */
const POLL = buffer("pollfd", 32);
const FD = { signals: 0, master: 8, input: 16, output: 24 } as const;
const EVENTS = 4;
const REVENTS = 6;
const NOBODY = 0xffffffff;

/** What one side has given and the other not yet taken: where it begins, and how many bytes it is. */
const INPUT = buffer("input", CHUNK);
const INPUT_AT = slot("input rest");
const INPUT_LENGTH = slot("input rest length");
const INPUT_FILE = slot("input file");
const INPUT_REST = { buffer: INPUT, at: INPUT_AT, length: INPUT_LENGTH } as const;
const OUTPUT = buffer("output", CHUNK);
const OUTPUT_AT = slot("output rest");
const OUTPUT_LENGTH = slot("output rest length");
/** 1 once the container has ended: what is still in its terminal is shown, and that is all. */
const ENDED = slot("container has ended");

function startRelay(): Step[] {
  const flags = slot("master flags");
  const nonBlocking = "make the master non-blocking";
  return [
    call("take signals from a descriptor", "signalfd4", [-1, signalSet(TAKEN), SIGSET_SIZE, SFD_CLOEXEC], {
      into: SIGNAL_FILE,
    }),
    // While somebody holds the other end, the terminal can be closed and opened again as a real one can.
    call("keep the terminal open", "ioctl", [MASTER, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC], {
      into: SLAVE,
    }),
    // Input may be taken in part: else a container that only writes, and a caller that only types, would
    // both wait.
    call(nonBlocking, "fcntl", [MASTER, F_GETFL, 0], { into: flags }),
    compute(flags, flags, "or", O_NONBLOCK),
    call(nonBlocking, "fcntl", [MASTER, F_SETFL, flags]),
    store(POLL, FD.signals, 4, SIGNAL_FILE),
    store(POLL, FD.signals + EVENTS, 2, POLLIN),
    store(POLL, FD.input + EVENTS, 2, POLLIN),
    store(POLL, FD.output + EVENTS, 2, POLLOUT),
    set(INPUT_FILE, STDIN),
  ];
}

/** Waits for something that can be done: nothing is read before the last of it has been taken. */
function poll(): Step[] {
  const events = slot("events");
  return [
    store(POLL, FD.output, 4, STDOUT),
    set(events, 0),
    branch(OUTPUT_LENGTH, "ne", 0, "output waits"),
    store(POLL, FD.output, 4, NOBODY),
    set(events, POLLIN),
    label("output waits"),
    store(POLL, FD.input, 4, INPUT_FILE),
    branch(INPUT_LENGTH, "eq", 0, "no input waits"),
    store(POLL, FD.input, 4, NOBODY),
    compute(events, events, "or", POLLOUT),
    label("no input waits"),
    store(POLL, FD.master, 4, MASTER),
    store(POLL, FD.master + EVENTS, 2, events),
    ...limitPoll(),
    call("wait for keys, output or a signal", "ppoll", [POLL, 4, POLL_LIMIT, 0, 0], {
      errors: { EINTR: "retry" },
    }),
  ];
}

const revents = (into: Slot, offset: number): Step => load(into, POLL, offset + REVENTS, 2);

/** Reads what the container has written; goes on at `none` when there is nothing. */
const readOutput = (none: string): Step[] => [
  call("read what the container wrote", "read", [MASTER, OUTPUT, CHUNK], {
    into: COUNT,
    errors: { EAGAIN: { to: none }, EIO: { to: none }, EBADF: { to: none }, EINTR: "retry" },
  }),
  set(OUTPUT_AT, OUTPUT),
  set(OUTPUT_LENGTH, COUNT),
];

/** Shows it, as much as is taken; when nobody is there any more to see it, the terminal is hung up. */
const showOutput = (): Step[] => [
  call("show it", "write", [STDOUT, OUTPUT_AT, OUTPUT_LENGTH], {
    into: COUNT,
    errors: {
      EAGAIN: { to: "shown" },
      EINTR: "retry",
      EPIPE: { to: "nobody looks" },
      EIO: { to: "nobody looks" },
      EBADF: { to: "nobody looks" },
      ECONNRESET: { to: "nobody looks" },
      ENOSPC: { to: "nobody looks" },
    },
  }),
  compute(OUTPUT_AT, OUTPUT_AT, "add", COUNT),
  compute(OUTPUT_LENGTH, OUTPUT_LENGTH, "sub", COUNT),
  jump("shown"),
  label("nobody looks"),
  call("hang up", "close", [MASTER], { errors: { EBADF: "ignore" } }),
  call("hang up", "close", [SLAVE], { errors: { EBADF: "ignore" } }),
  set(MASTER, NOBODY),
  set(INPUT_FILE, NOBODY),
  set(INPUT_LENGTH, 0),
  set(OUTPUT_LENGTH, 0),
  label("shown"),
];

/** Hands the input in, as much as the terminal takes. */
const handIn = (): Step[] => [
  call("hand the input in", "write", [MASTER, INPUT_AT, INPUT_LENGTH], {
    into: COUNT,
    errors: { EAGAIN: { to: "handed in" }, EBADF: { to: "handed in" }, EINTR: "retry" },
  }),
  compute(INPUT_AT, INPUT_AT, "add", COUNT),
  compute(INPUT_LENGTH, INPUT_LENGTH, "sub", COUNT),
  label("handed in"),
];

/**
 * Reads the caller's keys. At the end of input the container is told, and the caller no longer asked.
 */
const readInput = (): Step[] => [
  call("read the caller's input", "read", [STDIN, INPUT, CHUNK], {
    into: COUNT,
    errors: {
      EAGAIN: { to: "input read" },
      EINTR: "retry",
      EIO: "ignore",
      EBADF: "ignore",
      EISDIR: "ignore",
      EINVAL: "ignore",
      ECONNRESET: "ignore",
    },
  }),
  set(INPUT_AT, INPUT),
  set(INPUT_LENGTH, COUNT),
  branch(COUNT, "gt", 0, "input read"),
  set(INPUT_FILE, NOBODY),
  ...endInput(SLAVE, INPUT_REST),
  label("input read"),
];

/** A signal: the window's and the relay's own are dealt with, the others are the container's. */
function takeSignal(child: Child, timeout: number): Step[] {
  const information = buffer("signalfd_siginfo", 128);
  return [
    call("take the signal", "read", [SIGNAL_FILE, information, 128], { errors: { EINTR: "retry" } }),
    load(SIGNAL, information, 0, 4),
    // Our own, from a write to a caller who is gone.
    branch(SIGNAL, "eq", SIGNALS.SIGPIPE, "relay"),
    branch(SIGNAL, "ne", SIGNALS.SIGCONT, "not continued"),
    ...renewRawMode("raw again"),
    ...copyWindow(MASTER, "window copied again"),
    label("not continued"),
    branch(SIGNAL, "ne", SIGNALS.SIGWINCH, "not resized"),
    // The container's processes are told by its terminal, when the size is another.
    ...copyWindow(MASTER, "window resized"),
    jump("relay"),
    label("not resized"),
    branch(ENDED, "eq", 0, "still running"),
    branch(SIGNAL, "eq", SIGNALS.SIGCHLD, "relay"),
    // Whoever does not take the last of the output must not hold up the end.
    jump("relay ended"),
    label("still running"),
    ...handle(child, timeout, "relay"),
    // Nobody would take the last of the output.
    branch(ABANDONED, "ne", 0, "relay ended"),
    set(ENDED, 1),
    set(INPUT_FILE, NOBODY),
    set(INPUT_LENGTH, 0),
    jump("relay"),
  ];
}

/**
 * Supervises a container with a terminal; falls through, the caller's terminal restored, once it has
 * ended. `ready` is done when there is a terminal, which is as large as the caller's.
 */
export function superviseTerminal(child: Child, timeout: number, ready: readonly Step[] = []): Step[] {
  const event = slot("event");
  const on = (offset: number, is: number, otherwise: string): Step[] => [
    revents(event, offset),
    compute(event, event, "and", is),
    branch(event, "eq", 0, otherwise),
  ];
  const any = 0xffff;
  return [
    ...receiveMaster("no terminal"),
    ...enterRawMode(),
    ...ready,
    ...startRelay(),
    label("relay"),
    branch(ENDED, "eq", 0, "relay on"),
    branch(OUTPUT_LENGTH, "ne", 0, "relay on"),
    // What was written before the end is in the terminal still; others may hold it open, so nobody waits
    // for more.
    ...readOutput("relay ended"),
    label("relay on"),
    ...poll(),
    ...repeatEnd(SLAVE, INPUT_REST),
    ...on(FD.output, any, "shown"),
    ...showOutput(),
    ...on(FD.master, POLLIN, "output read"),
    ...readOutput("output read"),
    label("output read"),
    ...on(FD.master, POLLOUT, "handed in"),
    ...handIn(),
    ...on(FD.input, any, "input read"),
    ...readInput(),
    ...on(FD.signals, any, "relay"),
    ...takeSignal(child, timeout),
    label("relay ended"),
    ...leaveRawMode("terminal given back"),
    jump("relayed"),
    label("no terminal"),
    ...superviseChild(child, timeout, "no terminal: wait"),
    label("relayed"),
  ];
}
