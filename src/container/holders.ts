/**
 * Who belongs to a container that is being created. Until `start`, hutch, the creator and init have the socket
 * of the container open, and nobody else can: so they are found also when hutch died before it could write
 * down who they are.
 */
import { listDirectory, readLink } from "../host/path.ts";
import { probe } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import type { Identity } from "./identity.ts";
import { allPids, readVolatile, statOf, unlessGone } from "./process.ts";

/** True while a process has the socket of that path open. */
export const isHeld = (path: string): boolean => probe(path) === "reached";

/** Where a descriptor leads; undefined when it is closed by now, or leads deeper than a path can say. */
function linkOf(link: string): string | undefined {
  try {
    return readLink(link);
  } catch (error) {
    if (error instanceof HutchError) return undefined;
    throw error;
  }
}

/** The processes that have the socket of that inode open, as far as the caller may look into them. */
export function holders(inode: number): Identity[] {
  const isSocket = (link: string): boolean => linkOf(link) === `socket:[${inode}]`;
  return allPids().flatMap((pid) => {
    // Before its descriptors are read: whoever has taken the number since then is not signalled.
    const process = statOf(pid);
    const descriptors = unlessGone(() => listDirectory(`/proc/${pid}/fd`)) ?? [];
    const holds = descriptors.some(({ name }) => isSocket(`/proc/${pid}/fd/${name}`));
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
