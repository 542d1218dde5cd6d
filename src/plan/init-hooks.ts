/** What init does of the hooks of a program that no hutch stays beside; see own-hooks.ts. */
import { O_CLOEXEC } from "../linux/fcntl.ts";
import type { Process } from "../spec/spec.ts";
import { branch, call, exit, guard, label } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import { findCommand } from "./exec.ts";
import { INTERRUPTED, receiveState, runHooks, STATE_LENGTH, type Stop, withUmask } from "./hook.ts";
import { becomeCreated, findHook, ownHooks } from "./hook-state.ts";
import { BEFORE_BEGIN, hearEnding, isPaused, isToldBegin, OURS, STOP, THEIRS } from "./own-hooks.ts";
import { ROOT } from "./root.ts";
import type { Slot, Step } from "./step.ts";

/** How many descriptors `holdHooks` keeps behind those that are kept anyway. */
export const hookDescriptors = (context: Context): number => (ownHooks(context) === undefined ? 0 : 1);

/** First of all: only the launcher holds the other end, whose closing is its death. */
export const beginHooks = (context: Context): Step[] =>
  ownHooks(context) === undefined ? [] : [call("leave the launcher its end of the hooks", "close", [OURS])];

const FAILED = "a hook of init has failed";

/** Tells that the container is made, and waits for the hooks of the host. */
function awaitHost(end: number | Slot): Step[] {
  const why = "wait for the hooks of the host";
  return [
    call("tell that the container is made", "write", [end, "m", 1]),
    ...receiveState(why, end),
    branch(STATE_LENGTH, "gt", 0, "hooks of the host have run"),
    exit(125, "end: a hook of the host has failed, or the launcher has died"),
    label("hooks of the host have run"),
  ];
}

const stop = (rest: Partial<Stop> = {}): Stop => ({ file: STOP, what: BEFORE_BEGIN, ...rest });

/** Before the root is entered. */
export function pauseForOwnHooks(context: Context): Step[] {
  if (!isPaused(context)) return [];
  const directory = isNew(context, "mount") ? { directory: ROOT } : {};
  return [
    ...awaitHost(THEIRS),
    // As with runc, in the root as the host sees it.
    ...runHooks("createContainer", ownHooks(context)?.createContainer, {
      ...withUmask,
      ...directory,
      failure: FAILED,
      find: findHook(context),
      stop: stop(),
    }),
    guard(),
  ];
}

/** Before all descriptors from `first` on are closed: the socket takes the number `first`, and is spared. */
export const holdHooks = (context: Context, first: number): Step[] =>
  ownHooks(context) === undefined
    ? []
    : [call("hold on to the socket of the hooks", "dup3", [THEIRS, first, O_CLOEXEC])];

/** When nothing is left but the exec. */
export function runStartHooks(context: Context, process: Process, end: number): Step[] {
  const hooks = ownHooks(context);
  if (hooks === undefined) return [];
  const { startContainer = [] } = hooks;
  return [
    // Else poststart would be run for a program that cannot begin.
    ...findCommand(process),
    ...(isPaused(context) ? (startContainer.length > 0 ? [becomeCreated(context)] : []) : awaitHost(end)),
    ...(startContainer.length > 0 ? [hearEnding({ isFiltered: true })] : []),
    ...runHooks("startContainer", startContainer, { failure: FAILED, stop: stop({ isFiltered: true }) }),
    guard(),
  ];
}

const DEFAULT_EXIT_CODE = 125;

/** The last steps: they tell that the program begins, and, when one of them fails, that it did not. */
export function tellBegin(context: Context, end: number, steps: readonly Step[]): Step[] {
  if (ownHooks(context) === undefined) return [...steps];
  if (!isToldBegin(context)) return [...steps, ...endOfInit()];
  const placeOf = (code: number): string => `not begun: ${code}`;
  const codes = new Set<number>();
  const watched = steps.flatMap((step): Step[] => {
    if (step.kind !== "call" && step.kind !== "fail") return [step];
    const code = step.exitCode ?? DEFAULT_EXIT_CODE;
    codes.add(code);
    return [guard(placeOf(code)), step];
  });
  return [
    call("tell that the program begins", "write", [end, "b", 1]),
    ...watched,
    ...[...codes].flatMap((code) => [
      label(placeOf(code)),
      guard(),
      // A filter of system calls may be in force.
      call("tell that it has not begun", "write", [end, "f", 1], { otherwise: `${placeOf(code)}, told` }),
      label(`${placeOf(code)}, told`),
      exit(code, "end"),
    ]),
    ...endOfInit(),
  ];
}

/** Where init goes on after a hook of its own that has failed. */
const endOfInit = (): Step[] => [
  label(FAILED),
  guard(),
  branch(INTERRUPTED, "eq", 0, "a hook of init has failed by itself"),
  exit(INTERRUPTED, "end as the signal wants"),
  label("a hook of init has failed by itself"),
  exit(DEFAULT_EXIT_CODE, "end"),
];
