/** Signals of the launcher and of init: blocked, and taken one by one; nothing here ever runs a handler. */
import { signalSet as bits, SIG_BLOCK, SIG_SETMASK, SIGNALS } from "../linux/signal.ts";
import { buffer, call } from "./build.ts";
import type { Step } from "./step.ts";
import { defaultAction, SIGSET_SIZE, signalSet } from "./struct.ts";

/** The mask as the caller had it; the container's program gets it back. */
const CALLERS_MASK = buffer("caller's signal mask", 8);

/** What the launcher takes: all but those by which a shell stops a job, whose default action is wanted. */
const LEFT_ALONE: readonly (keyof typeof SIGNALS)[] = ["SIGTSTP", "SIGTTIN", "SIGTTOU"];

const bit = (number: number): bigint => 1n << BigInt(number - 1);

/** The set of signals that are blocked and then waited for. */
export const TAKEN = LEFT_ALONE.reduce((set, name) => set & ~bit(SIGNALS[name]), (1n << 64n) - 1n);

/** What ends a container that is being made or waits, as it would end most programs. */
export const ENDING = bits([SIGNALS.SIGHUP, SIGNALS.SIGINT, SIGNALS.SIGQUIT, SIGNALS.SIGTERM]);

/** Bun ignores these two, and an ignored SIGCHLD (inherited) would make wait fail with ECHILD. */
const RESET: readonly (keyof typeof SIGNALS)[] = ["SIGPIPE", "SIGXFSZ", "SIGCHLD"];

export const takeSignals = (): Step[] => [
  call("hold signals back until they are waited for", "rt_sigprocmask", [
    SIG_BLOCK,
    signalSet(TAKEN),
    CALLERS_MASK,
    SIGSET_SIZE,
  ]),
  ...RESET.map((name) =>
    call(`give ${name} its default action`, "rt_sigaction", [SIGNALS[name], defaultAction(), 0, SIGSET_SIZE]),
  ),
];

/** Right before the exec. */
export const restoreMask = (): Step =>
  call("give the program the caller's signal mask", "rt_sigprocmask", [
    SIG_SETMASK,
    CALLERS_MASK,
    0,
    SIGSET_SIZE,
  ]);
