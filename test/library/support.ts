/** What the tests of the library share: a root of busybox, and containers in it. */
import { readFileSync } from "node:fs";
import { type Container, type ContainerOptions, container } from "../../src/index.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";

const REASON = anyReason(lacksRoot(), lacksBusybox());
const LACKS_LIMITS =
  lacksCgroup(1) === undefined || lacksCgroup(2) === undefined ? undefined : "needs cgroups";

export const withRoot = testUnless(REASON);
export const withLimits = testUnless(anyReason(REASON, LACKS_LIMITS));

let root: Promise<string> | undefined;

/** One root for all tests of a file; they write elsewhere. */
export const sharedRoot = (): Promise<string> => (root ??= rootfs());

/** A container that runs a command of busybox. */
export async function boxOf(
  command: readonly string[],
  options: Partial<ContainerOptions> = {},
): Promise<Container> {
  return container({ root: await sharedRoot(), command, ...options });
}

/** True while there is a process of this number that is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The error that a promise is rejected with. */
export const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
