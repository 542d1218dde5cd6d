/** hutch run: an OCI bundle in the foreground. */
import { readDraft } from "../container/draft.ts";
import { enlist } from "../container/foreground.ts";
import { become, programFor } from "../container/launch.ts";
import type { Look } from "../host/look.ts";
import { BUNDLE_OPTIONS, bundleWish } from "./bundle-options.ts";
import type { BundleWish } from "./bundle-plan.ts";
import type { Made } from "./create.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { cgroupWish, type Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";
import { reportOf } from "./report-option.ts";

export const command: Command = {
  name: "run",
  summary: "run an OCI bundle, in the foreground or detached, as runc and crun do",
  usage: "[OPTIONS] ID",
  options: [
    ...BUNDLE_OPTIONS,
    { name: "init", help: "a reaper is pid 1, and the process of the bundle its child" },
    { name: "detach", short: "d", help: "return when the container runs; hutch kill and delete end it" },
    {
      name: "keep",
      help: "keep the state when the container has ended, until hutch delete; --detach always does",
    },
    {
      name: "report",
      value: "FILE",
      help: "write there as JSON how it ended and what it used: code, signal, oom, times, peaks",
    },
    { name: "no-subreaper", help: "taken for runc's callers; hutch does not make itself a subreaper" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch spec && hutch run box", "in a directory with a root in ./rootfs"],
    ["hutch run --bundle /srv/box box", "a bundle somewhere else"],
  ],
  notes: ["--console-socket and --pidfd-socket take --detach.", EXIT_CODES],
};

/** create and start in one; loaded only for that. */
async function runDetached(given: Given, globals: Globals): Promise<void> {
  const [{ createFrom }, { deleteForced }, { start }, { load }] = await Promise.all([
    import("./create.ts"),
    import("../container/delete.ts"),
    import("../container/start.ts"),
    import("../container/state.ts"),
  ]);
  const { root } = globals;
  const id = await createFrom(given, globals);
  try {
    await start(load(root, id), warn);
  } catch (error) {
    await deleteForced(root, id, warn);
    throw error;
  }
}

/** What the program depends on. */
function wishOf(given: Given): Omit<BundleWish, "id"> {
  for (const name of ["console-socket", "pidfd-socket"]) {
    if (has(given, name)) throw usageError("run", `--${name} takes --detach`);
  }
  return {
    ...bundleWish(given),
    notes: has(given, "keep") ? "keep" : "forget",
    reports: has(given, "report"),
  };
}

/** Stays beside a container that has hooks; loaded only for that. */
async function runBesideIt(made: Made, keeps: boolean): Promise<void> {
  const [{ runBeside }, { creationOf }] = await Promise.all([
    import("../container/beside.ts"),
    import("./create.ts"),
  ]);
  process.exitCode = await runBeside({ creation: creationOf(made), keeps, warn });
}

/** Becomes the container's launcher. */
export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  const given = readOptions(command, argv);
  const report = reportOf(given);
  if (has(given, "detach")) {
    if (report !== undefined) throw usageError("run", "--report: nobody would write it after --detach");
    return runDetached(given, globals);
  }
  const id = oneId(given);
  // Loaded with what create needs, for systemd alone.
  const manager =
    globals.cgroupManager === "systemd" ? await (await import("./create.ts")).managerFor(globals) : undefined;
  const wish = { ...wishOf(given), cgroups: cgroupWish(globals), manager };
  const { root } = globals;
  const { preserveFds } = wish;
  const pidFile = last(given, "pid-file");
  const start = {
    words: ["run", JSON.stringify(wish)],
    id,
    environment: [],
    preserveFds,
    warn,
    plan: async (look: Look, warnUser: (line: string) => void) => {
      const { planBundle } = await import("./bundle-plan.ts");
      return planBundle({ ...wish, id }, look, warnUser);
    },
  };
  const program = await programFor(start);
  const draft = readDraft(program.details);
  if (draft.stays)
    return runBesideIt({ root, id, program, draft, preserveFds, pidFile, report }, has(given, "keep"));
  become({ ...start, bytes: program.bytes, prepare: () => enlist({ root, id, pidFile, report }, draft) });
}
