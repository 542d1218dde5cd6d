/** Becoming another program. */
import { AT_EMPTY_PATH } from "../linux/fcntl.ts";
import { RLIMITS } from "../linux/resource.ts";
import { createArena, putStrings } from "./memory.ts";
import { failed, syscall, syscallError } from "./syscall.ts";

/**
 * Replaces this process, all of its threads, by the program behind a descriptor, which may be close-on-exec;
 * comes back only by throwing.
 *
 * What the program inherits from Bun and has to put right itself: SIGPIPE and SIGXFSZ ignored, RLIMIT_NOFILE
 * raised (see inheritedNofile). Bun marks its own descriptors close-on-exec.
 */
export function execInPlace(fd: number, argv: readonly string[], envp: readonly string[]): never {
  const arena = createArena();
  const result = syscall("execveat", fd, "", putStrings(arena, argv), putStrings(arena, envp), AT_EMPTY_PATH);
  throw syscallError(`execute ${argv[0] ?? "a program"} from descriptor ${fd} (AT_EMPTY_PATH)`, result);
}

/** A resource limit, in the units of the resource; RLIM_INFINITY is 2^64−1. */
export interface ResourceLimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

function nofileOf(pid: number): ResourceLimit | undefined {
  const limit = new BigUint64Array(new ArrayBuffer(16));
  const result = syscall("prlimit64", pid, RLIMITS.RLIMIT_NOFILE, 0, new Uint8Array(limit.buffer));
  if (failed(result)) return undefined;
  const [soft = 0n, hard = 0n] = limit;
  return { soft, hard };
}

/** The RLIMIT_NOFILE of this process, as Bun has raised it. */
export function ownNofile(): ResourceLimit | undefined {
  return nofileOf(0);
}

/**
 * The RLIMIT_NOFILE this process was started with, or undefined when that cannot be known.
 *
 * Bun raises the soft limit to the hard one at start and forgets the old value. The parent has it still, as
 * long as its hard limit is the same; it cannot be asked when it runs as another user.
 */
export function inheritedNofile(): ResourceLimit | undefined {
  const parent = syscall("getppid");
  // A parent in another pid namespace is 0, and prlimit64 takes 0 for the caller itself.
  const limit = parent === 0 ? undefined : nofileOf(parent);
  return limit !== undefined && limit.hard === ownNofile()?.hard ? limit : undefined;
}

/** Sets the RLIMIT_NOFILE of this process. */
export function setNofile(limit: ResourceLimit): void {
  const words = new BigUint64Array(new ArrayBuffer(16));
  words[0] = limit.soft;
  words[1] = limit.hard;
  const result = syscall("prlimit64", 0, RLIMITS.RLIMIT_NOFILE, new Uint8Array(words.buffer), 0);
  if (failed(result)) throw syscallError(`set RLIMIT_NOFILE to ${limit.soft}:${limit.hard}`, result);
}
