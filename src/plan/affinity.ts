/** Which processors a process of `exec` may run on (OCI config, "execCPUAffinity"; sched_setaffinity(2)). */
import { HutchError } from "../linux/error.ts";
import { bytes, call } from "./build.ts";
import type { Step } from "./step.ts";

/** NR_CPUS of the largest kernels; a number above it is a typing error. */
const MOST = 8192;
/** The kernel counts in words. */
const WORD = 8;

/** A list such as "0-3,7" as the kernel's mask: bit n for processor n. */
export function cpuMask(list: string): Uint8Array {
  const refuse = (part: string): never => {
    throw new HutchError({
      operation: `process.execCPUAffinity ${JSON.stringify(list)}`,
      reason: `expected numbers below ${MOST} and rising ranges, received ${JSON.stringify(part)}`,
    });
  };
  const cpus = list.split(",").flatMap((part) => {
    const [, from, to = from] = /^ *(\d+)(?:-(\d+))? *$/.exec(part) ?? refuse(part);
    const [first, last] = [Number(from), Number(to)];
    if (first > last || last >= MOST) refuse(part);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const mask = new Uint8Array(Math.ceil((Math.max(...cpus) + 1) / 8 / WORD) * WORD);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return mask;
}

/** Moves the caller to these processors; none are named where the list is absent or empty. */
export function setAffinity(list: string | undefined): Step[] {
  if (list === undefined || list.trim() === "") return [];
  const mask = cpuMask(list);
  return [
    call(`run on the processors ${list}`, "sched_setaffinity", [0, mask.length, bytes(mask, list)], {
      hints: { EINVAL: "the machine has none of them, or cpuset.cpus of the container leaves them out" },
    }),
  ];
}
