/** hutch run: an OCI bundle in the foreground. */
import { enlist } from "../container/foreground.ts";
import { launch } from "../container/launch.ts";
import type { BundleWish } from "./bundle-plan.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";
import { preserveFdsOf } from "./preserve-fds.ts";

export const command: Command = {
  name: "run",
  summary: "run an OCI bundle, in the foreground or detached, as runc and crun do",
  usage: "[OPTIONS] ID",
  options: [
    { name: "bundle", short: "b", value: "DIR", help: "the bundle; the current directory when absent" },
    { name: "init", help: "a reaper is pid 1, and the process of the bundle its child" },
    { name: "preserve-fds", value: "N", help: "hand N descriptors after standard error on to the container" },
    { name: "detach", short: "d", help: "return when the container runs; hutch kill and delete end it" },
    { name: "config", short: "f", value: "FILE", help: "the config; config.json of the bundle when absent" },
    { name: "pid-file", value: "FILE", help: "write the pid of the first process there" },
    { name: "console-socket", value: "PATH", help: "with --detach: where the terminal's descriptor is sent" },
    {
      name: "pidfd-socket",
      value: "PATH",
      help: "with --detach: where a pidfd of the first process is sent",
    },
    { name: "no-pivot", help: "enter the root by chroot instead of pivot_root" },
    { name: "no-new-keyring", help: "keep the caller's session keyring" },
    {
      name: "keep",
      help: "keep the state when the container has ended, until hutch delete; --detach always does",
    },
    { name: "no-subreaper", help: "taken for runc's callers; hutch does not make itself a subreaper" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch spec && hutch run box", "in a directory with a root in ./rootfs"],
    ["hutch run --bundle /srv/box box", "a bundle somewhere else"],
  ],
  notes: [EXIT_CODES],
};

/** create and start in one; loaded only for that. */
async function runDetached(given: Given, globals: Globals): Promise<void> {
  const [{ createFrom }, { start }, { load }] = await Promise.all([
    import("./create.ts"),
    import("../container/start.ts"),
    import("../container/state.ts"),
  ]);
  await start(load(globals.root, await createFrom(given, globals)), warn);
}

/** What the program depends on. */
function wishOf(given: Given): Omit<BundleWish, "id"> {
  for (const name of ["console-socket", "pidfd-socket"]) {
    if (has(given, name)) throw usageError("run", `--${name} takes --detach`);
  }
  return {
    bundle: last(given, "bundle") ?? ".",
    config: last(given, "config"),
    init: has(given, "init"),
    preserveFds: preserveFdsOf(given),
    noPivot: has(given, "no-pivot"),
    keepKeyring: has(given, "no-new-keyring"),
    notes: has(given, "keep") ? "keep" : "forget",
  };
}

/** Becomes the container's launcher. */
export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  const given = readOptions(command, argv);
  if (has(given, "detach")) return runDetached(given, globals);
  const id = oneId(given);
  const wish = wishOf(given);
  return launch({
    words: ["run", JSON.stringify(wish)],
    id,
    environment: [],
    preserveFds: wish.preserveFds,
    warn,
    plan: async (look, warnUser) => {
      const { planBundle } = await import("./bundle-plan.ts");
      return planBundle({ ...wish, id }, look, warnUser);
    },
    prepare: (details) => enlist({ root: globals.root, id, pidFile: last(given, "pid-file") }, details),
  });
}
