/** Whether images can be mounted here. */
import { existsSync, readFileSync } from "node:fs";
import type { SkipReason } from "./skip.ts";

export function lacksErofs(): SkipReason {
  if (!/\terofs$/m.test(readFileSync("/proc/filesystems", "utf8"))) return "needs erofs in the kernel";
  return existsSync("/dev/loop-control") ? undefined : "needs loop devices";
}
