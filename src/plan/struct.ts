/** The C structs that plans pass to the kernel, with their fields in order (UAPI headers). */
import { SIG_DFL, SIG_IGN } from "../linux/signal.ts";
import { struct } from "./build.ts";
import type { Argument, Struct, Value } from "./step.ts";

/** sizeof(struct open_how), linux/openat2.h, version 0. */
export const OPEN_HOW_SIZE = 24;
/** sizeof(struct mount_attr), linux/mount.h, version 0. */
export const MOUNT_ATTR_SIZE = 32;
/** sizeof(struct clone_args), linux/sched.h, version 2 (with cgroup). */
export const CLONE_ARGS_SIZE = 88;
/** sizeof(sigset_t) as the kernel counts it. */
export const SIGSET_SIZE = 8;

export const openHow = (flags: number, mode: number, resolve: number): Struct =>
  struct("open_how", [
    ["flags", 8, flags],
    ["mode", 8, mode],
    ["resolve", 8, resolve],
  ]);

export const mountAttr = (attributes: {
  readonly set?: number;
  readonly clear?: number;
  readonly propagation?: number;
  readonly userNamespace?: Value;
}): Struct =>
  struct("mount_attr", [
    ["attr_set", 8, attributes.set ?? 0],
    ["attr_clr", 8, attributes.clear ?? 0],
    ["propagation", 8, attributes.propagation ?? 0],
    ["userns_fd", 8, attributes.userNamespace ?? 0],
  ]);

export const cloneArgs = (args: {
  readonly flags: Value;
  readonly pidfd?: Argument;
  readonly exitSignal: number;
  /** The address that CLONE_PARENT_SETTID writes the pid to. */
  readonly parentTid?: Value;
  readonly cgroup?: Value;
}): Struct =>
  struct("clone_args", [
    ["flags", 8, args.flags],
    ["pidfd", 8, args.pidfd ?? 0],
    ["child_tid", 8, 0],
    ["parent_tid", 8, args.parentTid ?? 0],
    ["exit_signal", 8, args.exitSignal],
    ["stack", 8, 0],
    ["stack_size", 8, 0],
    ["tls", 8, 0],
    ["set_tid", 8, 0],
    ["set_tid_size", 8, 0],
    ["cgroup", 8, args.cgroup ?? 0],
  ]);

/** prlimit64(2): both values in the unit of the resource; RLIM_INFINITY is 2^64 − 1. */
export const rlimit64 = (soft: number | bigint, hard: number | bigint): Struct =>
  struct("rlimit64", [
    ["rlim_cur", 8, soft],
    ["rlim_max", 8, hard],
  ]);

/** A set of signals by number, bit n − 1 for signal n. */
export const signalSet = (bits: bigint): Struct => struct("sigset_t", [["bits", 8, bits]]);

/** The kernel's struct sigaction; the same size suffices on x86_64 and aarch64. */
const action = (handler: number): Struct =>
  struct("sigaction", [
    ["sa_handler", 8, handler],
    ["sa_flags", 8, 0],
    ["sa_restorer", 8, 0],
    ["sa_mask", 8, 0],
  ]);

export const defaultAction = (): Struct => action(SIG_DFL);

export const ignoredAction = (): Struct => action(SIG_IGN);

export const timespec = (seconds: number, nanoseconds: number): Struct =>
  struct("timespec", [
    ["tv_sec", 8, seconds],
    ["tv_nsec", 8, nanoseconds],
  ]);
