/** The name that a program which no hutch has started gives its container. */
import { CLOCK_REALTIME } from "../linux/time.ts";
import { buffer, call, compute, load, set, slot, store } from "./build.ts";
import type { Step } from "./step.ts";

/** The address of the name, of hutch's choice or of the program's own. */
export const GIVEN_NAME = slot("cgroup name given");

const PREFIX = "hutch-";

/** hutch-PID-SECONDS: two programs of one number may run in two pid namespaces. */
export function takeOwnName(why: string): Step[] {
  const name = buffer("cgroup name", 64);
  const time = buffer("time", 16);
  const [at, length, number] = [slot("name at"), slot("name length"), slot("name number")];
  const prefix = new TextEncoder().encode(PREFIX);
  const digits: Step[] = [{ kind: "decimal", to: at, value: number, length }, compute(at, at, "add", length)];
  return [
    set(at, name),
    store(
      at,
      0,
      8,
      prefix.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n),
    ),
    compute(at, at, "add", prefix.length),
    call(why, "getpid", [], { into: number }),
    ...digits,
    store(at, 0, 1, 0x2d),
    compute(at, at, "add", 1),
    call(why, "clock_gettime", [CLOCK_REALTIME, time]),
    load(number, time, 0, 8),
    ...digits,
    set(GIVEN_NAME, name),
  ];
}
