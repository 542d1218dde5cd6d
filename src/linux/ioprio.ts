/** ioprio.h of the kernel's UAPI. */
export const IOPRIO_CLASS_SHIFT = 13;
export const IOPRIO_WHO_PROCESS = 1;
export const IOPRIO_WHO_PGRP = 2;
export const IOPRIO_WHO_USER = 3;

/** `process.ioPriority.class` of the OCI spec; IOPRIO_CLASS_NONE is 0. */
export const IOPRIO_CLASSES = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
} as const;

/** The priority ioprio_set(2) takes; `level` is 0 (highest) to 7. */
export function ioprioValue(ioClass: number, level: number): number {
  return (ioClass << IOPRIO_CLASS_SHIFT) | level;
}
