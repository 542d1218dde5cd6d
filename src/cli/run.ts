/** hutch run: an OCI bundle in the foreground. */
import { launch } from "../container/launch.ts";
import { MOST_PRESERVED } from "../container/preserve.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import type { Globals } from "./globals.ts";
import { parseWhole } from "./number.ts";
import { type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";

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
    { name: "pid-file", value: "FILE", help: "with --detach: write the pid of the first process there" },
    { name: "console-socket", value: "PATH", help: "with --detach: where the terminal's descriptor is sent" },
    {
      name: "pidfd-socket",
      value: "PATH",
      help: "with --detach: where a pidfd of the first process is sent",
    },
    { name: "no-pivot", help: "enter the root by chroot instead of pivot_root" },
    { name: "no-new-keyring", help: "keep the caller's session keyring" },
    { name: "keep", help: "keep the state when the container has ended (that of --detach always is)" },
    { name: "no-subreaper", help: "taken for runc's callers; hutch does not make itself a subreaper" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch spec && hutch run box", "in a directory with a root in ./rootfs"],
    ["hutch run --bundle /srv/box box", "a bundle somewhere else"],
  ],
  notes: [EXIT_CODES],
};

/** What an id may be: with "hutch-" before it, it becomes the name of a directory (NAME_MAX is 255). */
const ID = /^(?!\.{1,2}$)[\w+.-]{1,240}$/;

/** create and start in one; loaded only for that. */
async function runDetached(given: Given, globals: Globals): Promise<void> {
  const [{ createFrom }, { start }, { load }] = await Promise.all([
    import("./create.ts"),
    import("../container/start.ts"),
    import("../container/state.ts"),
  ]);
  await start(load(globals.root, await createFrom(given, globals)), warn);
}

/** Becomes the container's launcher. */
export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  const given = readOptions(command, argv);
  if (has(given, "detach")) return runDetached(given, globals);
  const [id, ...more] = given.words;
  if (id === undefined) throw usageError("run", "expected the container's ID");
  if (more.length > 0) throw usageError("run", `expected one ID, received ${given.words.join(" ")}`);
  if (!ID.test(id)) throw usageError("run", `ID ${id}: expected at most 240 letters, digits and _ + - .`);
  const bundle = last(given, "bundle") ?? ".";
  const init = has(given, "init");
  const preserveFds = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  if (preserveFds > MOST_PRESERVED) {
    throw usageError("run", `--preserve-fds ${preserveFds}: expected at most ${MOST_PRESERVED}`);
  }
  const config = last(given, "config");
  const [noPivot, keepKeyring] = [has(given, "no-pivot"), has(given, "no-new-keyring")];
  return launch({
    words: ["run", bundle, config ?? "", `${init} ${preserveFds} ${noPivot} ${keepKeyring}`],
    id,
    environment: [],
    preserveFds,
    warn,
    plan: async (look, warnUser, ownId) => {
      const { planBundle } = await import("./bundle-plan.ts");
      return planBundle(
        { bundle, config, id: ownId, init, preserveFds, noPivot, keepKeyring },
        look,
        warnUser,
      );
    },
  });
}
