/**
 * Who belongs to a container that is being created. Until `start`, hutch, the creator and init have the FIFO
 * of the container open, and nobody else does: so they are found also when hutch died before it could write
 * down who they are.
 */
import { close } from "../host/fd.ts";
import { type FileStatus, fileStatus, listDirectory } from "../host/path.ts";
import { errnoOf, failed, syscall, syscallError } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_WRONLY } from "../linux/fcntl.ts";
import type { Identity } from "./identity.ts";
import { allPids, readVolatile, statOf, unlessGone } from "./process.ts";

/** True while a process has the FIFO open for reading: then fifo(7) lets a writer in, else it is ENXIO. */
export function isHeld(fifo: string): boolean {
  const fd = syscall("openat", AT_FDCWD, fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
  if (!failed(fd)) {
    close(fd);
    return true;
  }
  const errno = errnoOf(fd);
  if (errno === "ENXIO" || errno === "ENOENT" || errno === "ENOTDIR") return false;
  throw syscallError(`open ${fifo}`, fd);
}

/**
 * The status of what is open; undefined when it is closed by now, or no file: what epoll gives has no
 * kind.
 */
function statusOf(link: string): FileStatus | undefined {
  try {
    return fileStatus(link);
  } catch (error) {
    if (error instanceof HutchError) return undefined;
    throw error;
  }
}

/** The processes that have the file open, as far as the caller may look into them. */
export function holders(path: string): Identity[] {
  const file = fileStatus(path);
  if (file === undefined) return [];
  const isFile = (link: string): boolean => {
    const status = statusOf(link);
    return (
      status?.inode === file.inode &&
      status.device.major === file.device.major &&
      status.device.minor === file.device.minor
    );
  };
  return allPids().flatMap((pid) => {
    // Before its descriptors are read: whoever has taken the number since then is not signalled.
    const process = statOf(pid);
    const descriptors = unlessGone(() => listDirectory(`/proc/${pid}/fd`)) ?? [];
    const holds = descriptors.some(({ name }) => isFile(`/proc/${pid}/fd/${name}`));
    return process !== undefined && holds ? [process] : [];
  });
}

/**
 * The processes of a container in the foreground that have not begun its program: the launcher and init are
 * called hutch-ID, and have the container's directory (absolute) among their arguments (see foreground.ts).
 */
export function launchers(directory: string, id: string): Identity[] {
  return allPids().flatMap((pid) => {
    const process = statOf(pid);
    const [program, name, ...paths] = (readVolatile(`/proc/${pid}/cmdline`) ?? "").split("\0");
    const isOurs = program === "hutch" && name === `hutch-${id}` && paths.includes(directory);
    return process !== undefined && isOurs && process.state !== "Z" && process.state !== "X" ? [process] : [];
  });
}
