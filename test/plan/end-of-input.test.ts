/** The end of input on a terminal: performed here, on a terminal of the test's own. */
import { expect, test } from "bun:test";
import { perform } from "../../src/host/perform.ts";
import { AT_FDCWD, O_NOCTTY, O_RDWR } from "../../src/linux/fcntl.ts";
import { TCGETS, TCSETS, TIOCGPTPEER, TIOCSPTLCK } from "../../src/linux/ioctl.ts";
import {
  branch,
  buffer,
  call,
  compute,
  label,
  load,
  set,
  slot,
  store,
  struct,
} from "../../src/plan/build.ts";
import { endInput, limitPoll, POLL_LIMIT, repeatEnd } from "../../src/plan/end-of-input.ts";
import type { Step } from "../../src/plan/step.ts";

const [MASTER, TERMINAL] = [slot("master"), slot("terminal")];
const INPUT = { buffer: buffer("keys", 8), at: slot("keys at"), length: slot("keys length") };
const [LFLAG, ICANON] = [12, 0o2];

const openTerminal = (): Step[] => [
  call("open", "openat", [AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY, 0], { into: MASTER }),
  call("unlock", "ioctl", [MASTER, TIOCSPTLCK, struct("int", [["lock", 4, 0]])]),
  call("open", "ioctl", [MASTER, TIOCGPTPEER, O_RDWR | O_NOCTTY], { into: TERMINAL }),
];

/** The program on the terminal begins to read single keys, or lines again. */
function switchTo(mode: "keys" | "lines"): Step[] {
  const [termios, flags] = [buffer("termios", 36), slot("flags")];
  return [
    call("get", "ioctl", [TERMINAL, TCGETS, termios]),
    load(flags, termios, LFLAG, 4),
    mode === "keys"
      ? compute(flags, flags, "and", 0xffffffff & ~ICANON)
      : compute(flags, flags, "or", ICANON),
    store(termios, LFLAG, 4, flags),
    call("set", "ioctl", [TERMINAL, TCSETS, termios]),
  ];
}

const end = endInput(TERMINAL, INPUT);
/** The container has taken what was there for it, and the relay goes round once. */
const again = [set(INPUT.length, 0), ...repeatEnd(TERMINAL, INPUT)];

/** Performs the steps on a new terminal; the keys that wait for the container at last, and a slot. */
function after(...steps: Step[]) {
  const close = [MASTER, TERMINAL].map((each) =>
    call("close", "close", [each], { errors: { EBADF: "ignore" } }),
  );
  const { slots, buffers } = perform([...openTerminal(), ...steps, ...close]);
  const length = Number(slots.get(INPUT.length.name));
  return { keys: [...(buffers.get("keys") ?? [])].slice(0, length), slots, buffers };
}

test("the end is ^D twice: the first may only end a line", () => {
  expect(after(...end).keys).toEqual([4, 4]);
});

test("a container that goes on reading lines is told once", () => {
  expect(after(...end, ...again).keys).toEqual([]);
});

test("one that changes to single keys is told again, and its line emptied before", () => {
  expect(after(...end, ...switchTo("keys"), ...again).keys).toEqual([0x15, 4]);
});

test("a change is told of once", () => {
  const rounds = slot("rounds");
  const twice = [
    label("round"),
    compute(rounds, rounds, "add", 1),
    ...again,
    branch(rounds, "lt", 2, "round"),
  ];
  expect(after(...end, ...switchTo("keys"), ...twice).keys).toEqual([]);
});

test("one that changes to lines is told again", () => {
  expect(after(...switchTo("keys"), ...end, ...switchTo("lines"), ...again).keys).toEqual([4]);
});

test("one that goes on reading single keys is told now and then", () => {
  const rounds = slot("rounds");
  const loop = [
    label("round"),
    compute(rounds, rounds, "add", 1),
    ...again,
    branch(INPUT.length, "ne", 0, "told"),
    branch(rounds, "lt", 50, "round"),
    label("told"),
  ];
  const { keys, slots } = after(...switchTo("keys"), ...end, ...loop);
  expect({ keys, rounds: slots.get("rounds") }).toEqual({ keys: [0x15, 4], rounds: 10n });
});

test("nothing is repeated before the end, nor before what waits has been taken", () => {
  expect(after(...switchTo("keys"), ...again).keys).toEqual([]);
  expect(after(...end, ...switchTo("keys"), ...repeatEnd(TERMINAL, INPUT)).keys).toEqual([4, 4]);
});

test("a terminal that has gone is no failure", () => {
  const gone = [call("close", "close", [TERMINAL]), set(TERMINAL, -1)];
  expect(after(...gone, ...end, ...again).keys).toEqual([]);
});

test("poll waits for ever before the end, and a tenth of a second after it", () => {
  expect(after(...limitPoll()).slots.get(POLL_LIMIT.name)).toBe(0n);
  const { slots, buffers } = after(...end, ...limitPoll());
  expect(slots.get(POLL_LIMIT.name)).not.toBe(0n);
  const pause = buffers.get("pause") ?? new Uint8Array();
  expect([...new BigInt64Array(pause.slice().buffer)]).toEqual([0n, 100_000_000n]);
});
