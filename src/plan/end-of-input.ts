/**
 * The end of the caller's input, on a terminal: there it is a key, ^D, and whoever reads decides what it
 * means. A program that switches between lines and single keys (a shell with an editor) loses the ^D that
 * came before the switch: the kernel hands it on as a NUL. So it is sent again after each switch, and now and
 * then while single keys are read.
 */
import { TCGETS } from "../linux/ioctl.ts";
import { branch, buffer, call, compute, label, load, set, slot, store } from "./build.ts";
import type { Buffer, Slot, Step } from "./step.ts";

const EOT = 4;
/** ^U: an editor of lines forgets what it took the lost ^D for, so that the next one ends it. */
const KILL_LINE = 0x15;
const ICANON = 0o2;
/** struct termios of the kernel: four words, the line discipline, 19 control characters. */
const TERMIOS_SIZE = 36;
const LFLAG = 12;
const PAUSE_NS = 100_000_000;
/** So many pauses between two ^D to a program that reads single keys. */
const PATIENCE = 10;

const MODE = buffer("terminal's termios", TERMIOS_SIZE);
const PAUSE = buffer("pause", 16);
/** 1 once there is no more input. */
const IS_OVER = slot("input is over");
/** The mode in which ^D was last sent: ICANON or 0. */
const TOLD_IN = slot("told in mode");
const WAITED = slot("pauses");
/** How long poll may wait: the address of a timespec, or NULL. */
export const POLL_LIMIT = slot("poll limit");

/** Before poll: once the input is over, it must not wait for ever. */
export const limitPoll = (): Step[] => [
  set(POLL_LIMIT, 0),
  branch(IS_OVER, "eq", 0, "poll may wait"),
  // ppoll(2) writes back what is left of it.
  store(PAUSE, 0, 8, 0),
  store(PAUSE, 8, 8, PAUSE_NS),
  set(POLL_LIMIT, PAUSE),
  label("poll may wait"),
];

interface Input {
  readonly buffer: Buffer;
  readonly at: Slot;
  readonly length: Slot;
}

const put = ({ buffer: input, at, length }: Input, keys: readonly number[]): Step[] => [
  ...keys.map((key, index) => store(input, index, 1, key)),
  set(at, input),
  set(length, keys.length),
];

const readMode = (terminal: Slot, into: Slot, otherwise: string): Step[] => [
  call("look how the container reads its terminal", "ioctl", [terminal, TCGETS, MODE], {
    errors: { EIO: { to: otherwise }, EBADF: { to: otherwise } },
  }),
  load(into, MODE, LFLAG, 4),
  compute(into, into, "and", ICANON),
];

/** The input has just ended: ^D twice, because the first one only ends a line that was begun. */
export const endInput = (terminal: Slot, input: Input): Step[] => [
  set(IS_OVER, 1),
  ...readMode(terminal, TOLD_IN, "mode unknown"),
  label("mode unknown"),
  ...put(input, [EOT, EOT]),
];

/** After each poll: tells the container again when it would have missed it. */
export function repeatEnd(terminal: Slot, input: Input): Step[] {
  const mode = slot("terminal mode");
  return [
    branch(IS_OVER, "eq", 0, "told enough"),
    branch(input.length, "ne", 0, "told enough"),
    ...readMode(terminal, mode, "told enough"),
    branch(mode, "ne", TOLD_IN, "tell again"),
    branch(mode, "ne", 0, "told enough"),
    compute(WAITED, WAITED, "add", 1),
    branch(WAITED, "lt", PATIENCE, "told enough"),
    label("tell again"),
    set(WAITED, 0),
    set(TOLD_IN, mode),
    ...put(input, [KILL_LINE, EOT]),
    branch(mode, "eq", 0, "told enough"),
    ...put(input, [EOT]),
    label("told enough"),
  ];
}
