/** Descriptors of the caller that are handed on to the container, and the one that is not. */
import { keepOverExec } from "../host/fd.ts";
import { readLink } from "../host/path.ts";
import { failed, syscall } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { F_GETFD } from "../linux/fcntl.ts";

/**
 * The descriptor the program is executed from. It stays open over the exec, so that the program's first step
 * can take its own execute permission away; the plan must know its number.
 */
export const PROGRAM_DESCRIPTOR = 100;
const FIRST_PRESERVED = 3;
/** So many descriptors can be handed on: what follows is the program's own. */
export const MOST_PRESERVED = PROGRAM_DESCRIPTOR - FIRST_PRESERVED;

/**
 * Bun has marked what it inherited close-on-exec. Every descriptor must be there: the launcher's own, which
 * lead to the host, would otherwise get the numbers that the container is left (CVE-2024-21626).
 */
export function preserve(count: number): void {
  for (let fd = FIRST_PRESERVED; fd < FIRST_PRESERVED + count; fd++) {
    // Bun opens its epoll instance first, at the lowest number that the caller has left free.
    if (isOpen(fd)) keepOverExec(fd);
    else {
      throw new HutchError({
        operation: `--preserve-fds ${count}: descriptor ${fd}`,
        errno: "EBADF",
        hint: "it counts open descriptors from 3 on, without a gap",
      });
    }
  }
}

/** The names of what a process has open itself, as a shell gives them for `>(command)`. */
const OWN_DESCRIPTOR = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/;

/** Lets a file that is named by its descriptor through the exec, so that the program can open it. */
export function preserveNamed(path: string): void {
  const fd = OWN_DESCRIPTOR.exec(path)?.[1];
  if (fd !== undefined) keepOverExec(Number(fd));
}

const isOpen = (fd: number): boolean =>
  !failed(syscall("fcntl", fd, F_GETFD)) && readLink(`/proc/self/fd/${fd}`) !== "anon_inode:[eventpoll]";
