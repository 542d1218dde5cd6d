/**
 * A container that hutch starts and follows, as a library does: hutch lives on beside the launcher, which
 * tells it over a pipe what becomes of the container. Failed steps come over the same pipe, so that a start
 * either is told to run, or has told before what it failed at.
 */
import { O_CLOEXEC } from "../linux/fcntl.ts";
import { branch, buffer, call, compute, label, load, set, slot, struct } from "./build.ts";
import type { Context } from "./context.ts";
import { controlDescriptor, EVENT, TIMED_OUT } from "./creator-control.ts";
import type { Call, Slot, Step } from "./step.ts";
import { ALARMS, WAIT_STATUS } from "./supervise.ts";

/** Tells hutch of an event; the report pipe of `create` has the same number. */
export function tell(
  why: string,
  { launch }: Context,
  event: keyof typeof EVENT,
  value: number | Slot,
  special?: Pick<Call, "errors">,
): Step {
  const record = struct("event", [
    ["event", 8, EVENT[event]],
    ["value", 8, value],
  ]);
  return call(why, "write", [controlDescriptor(launch.preserveFds, "report"), record, 16], special);
}

/**
 * What init holds until its exec: the report pipe, and the end of a pipe by whose closing the launcher learns
 * that the program runs.
 */
export const FOLLOW = ["report", "birth"] as const;

const birthDescriptor = ({ launch }: Context): number => 4 + launch.preserveFds;

const BIRTH = slot("birth");

/** Keeps the number of the descriptor free for the pipe, before anything else can take it. */
export const keepBirth = (context: Context): Step =>
  call("keep a descriptor for init", "dup3", [
    controlDescriptor(context.launch.preserveFds, "report"),
    birthDescriptor(context),
    O_CLOEXEC,
  ]);

/** In the launcher, before the clone. */
export function openBirth(context: Context): Step[] {
  const pair = buffer("birth pipe", 8);
  const end = slot("birth end");
  const why = "a pipe that is closed when the container's program runs";
  return [
    call(why, "pipe2", [pair, O_CLOEXEC]),
    load(BIRTH, pair, 0, 4),
    load(end, pair, 4, 4),
    call(why, "dup3", [end, birthDescriptor(context), O_CLOEXEC]),
    call(why, "close", [end]),
  ];
}

/** In the launcher, after the clone, as soon as there is somebody to be ended by hutch. */
export const tellPid = (context: Context, init: Slot): Step[] => [
  call("leave the birth to init", "close", [birthDescriptor(context)]),
  tell("tell hutch the pid of init", context, "pid", init),
];

/** In the launcher, when init lacks nothing any more: waits for its exec, or its end. */
export function awaitBirth(context: Context): Step[] {
  const byte = buffer("birth byte", 8);
  return [
    call("wait until the container's program runs", "read", [BIRTH, byte, 1], {
      errors: { EINTR: "retry" },
    }),
    call("close the birth", "close", [BIRTH]),
    tell("tell hutch that the container runs", context, "running", 0),
  ];
}

/** Nobody listens any more to a container that was left alone. */
const UNHEARD = { errors: { EPIPE: "ignore" } } as const;

/** Of a container whose memory is limited: how many were killed for want of it, and the most it has used. */
export const tellMemory = (
  context: Context,
  { kills, peak }: { readonly kills: Slot; readonly peak: Slot },
): Step[] => [
  tell("tell hutch how many were killed for want of memory", context, "oomKills", kills, UNHEARD),
  tell("tell hutch how much memory was used", context, "memoryPeak", peak, UNHEARD),
];

/** In the launcher, when the container has ended: its wait status, and whether its time was up. */
export function tellEnd(context: Context): Step[] {
  const value = slot("end of the container");
  return [
    set(value, WAIT_STATUS),
    branch(ALARMS, "eq", 0, "ended in time"),
    compute(value, value, "or", TIMED_OUT),
    label("ended in time"),
    tell("tell hutch how the container ended", context, "exited", value, UNHEARD),
  ];
}
