/** The options of the commands that make a container from a bundle. */
import { MOST_PRESERVED } from "../container/preserve.ts";
import { parseWhole } from "../options/number.ts";
import type { BundleWish } from "./bundle-plan.ts";
import { type Given, has, last, type Option, usageError } from "./option.ts";

export const BUNDLE_OPTIONS: readonly Option[] = [
  { name: "bundle", short: "b", value: "DIR", help: "the bundle; the current directory when absent" },
  { name: "config", short: "f", value: "FILE", help: "the config; config.json of the bundle when absent" },
  { name: "console-socket", value: "PATH", help: "a unix socket that the terminal's descriptor is sent to" },
  { name: "pid-file", value: "FILE", help: "write the pid of the container's first process there" },
  { name: "no-pivot", help: "enter the root by chroot instead of pivot_root" },
  { name: "no-new-keyring", help: "keep the caller's session keyring" },
  { name: "pidfd-socket", value: "PATH", help: "a unix socket that a pidfd of the first process is sent to" },
  { name: "preserve-fds", value: "N", help: "hand N descriptors after standard error on to the container" },
];

/** How many descriptors are handed on; more do not lie below those of hutch's own. */
function preserveFdsOf(given: Given): number {
  const count = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  if (count <= MOST_PRESERVED) return count;
  throw usageError(given.command, `--preserve-fds ${count}: expected at most ${MOST_PRESERVED}`);
}

/** What the program depends on, of these options; --init is of `run` alone. */
export const bundleWish = (given: Given): Omit<BundleWish, "id"> => ({
  bundle: last(given, "bundle") ?? ".",
  config: last(given, "config"),
  init: has(given, "init"),
  preserveFds: preserveFdsOf(given),
  noPivot: has(given, "no-pivot"),
  keepKeyring: has(given, "no-new-keyring"),
});
