/** What the launcher says when the kernel has killed for want of memory. */
import { branch, compute, label, slot } from "./build.ts";
import { optional, part, putNumber, putWord, writeLine } from "./line.ts";
import type { Slot, Step } from "./step.ts";
import { EXIT_CODE } from "./supervise.ts";

/** 128 and SIGKILL: the container itself was killed, or its shell or reaper tells of a command that was. */
const KILLED = 137;
const STDERR = 2;
const MIB_BITS = 20;
const KIB_BITS = 10;
/** An amount of bytes as whole MiB, or as KiB when it is less than one; `none` where it is not known. */
function amount(
  name: string,
  bytes: Slot,
  none: string,
): { readonly steps: Step[]; readonly pieces: Parameters<typeof writeLine>[2] } {
  const [number, unit] = [part(name), part(`${name} unit`)];
  const rounded = slot(`${name} rounded`);
  const to = (what: string): string => `${name}: ${what}`;
  const round = (bits: number): Step[] => [
    compute(rounded, bytes, "add", 2 ** (bits - 1)),
    compute(rounded, rounded, "shr", bits),
  ];
  return {
    pieces: [number, unit],
    steps: [
      ...putWord(number, none),
      branch(bytes, "lt", 0, to("known")),
      ...round(MIB_BITS),
      ...putWord(unit, " MiB"),
      branch(bytes, "ge", 2 ** MIB_BITS, to("rounded")),
      ...round(KIB_BITS),
      ...putWord(unit, " KiB"),
      label(to("rounded")),
      putNumber(number, rounded),
      label(to("known")),
    ],
  };
}

/** Nobody may be there to read it. */
const UNREAD = {
  EPIPE: "ignore",
  EAGAIN: "ignore",
  EIO: "ignore",
  EBADF: "ignore",
  ENOSPC: "ignore",
  EINTR: "retry",
} as const;

/**
 * Tells of the processes that were killed, if there were any; `prefix` is the name of the program. The kernel
 * says how many, not which: that it was the container itself, and not one of its processes before somebody
 * else killed it, is certain only where there never was another.
 */
export function tellOom(
  prefix: string,
  {
    kills,
    limit,
    peak,
    pids,
    alone,
  }: {
    readonly kills: Slot;
    readonly limit: Slot;
    readonly peak: Slot;
    /** The most processes at a time, and how many there are of a container that starts none. */
    readonly pids: Slot;
    readonly alone: number;
  },
): Step[] {
  const [most, used] = [amount("memory limit", limit, "none"), amount("memory peak", peak, "unknown")];
  const inside = optional("killed inside", "a process of the container was ");
  return [
    branch(kills, "le", 0, "no oom"),
    ...most.steps,
    ...used.steps,
    branch(EXIT_CODE, "ne", KILLED, "oom in the container"),
    branch(pids, "le", 0, "oom in the container"),
    branch(pids, "le", alone, "oom of the container"),
    label("oom in the container"),
    inside.show,
    label("oom of the container"),
    writeLine(
      "say that memory ran out",
      STDERR,
      [
        `${prefix}: `,
        inside,
        "killed: out of memory (limit ",
        ...most.pieces,
        ", peak ",
        ...used.pieces,
        ")\n",
      ],
      { errors: UNREAD },
    ),
    label("no oom"),
  ];
}
