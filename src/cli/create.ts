/** hutch create: an OCI bundle, up to the point where `start` lets it go on. */
import { create } from "../container/create.ts";
import { planCreation } from "../container/creation.ts";
import { hookContext, runHooks } from "../container/hook.ts";
import { gatherHost } from "../container/host.ts";
import { checkId, type Record } from "../container/store.ts";
import { writeFile } from "../host/fd.ts";
import { look } from "../host/look.ts";
import { rename } from "../host/path.ts";
import { connect } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import type { Spec } from "../spec/spec.ts";
import { loadBundle } from "./bundle.ts";
import type { Globals } from "./globals.ts";
import { parseWhole } from "./number.ts";
import { type Command, type Given, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";

export const CREATE_OPTIONS = [
  { name: "bundle", short: "b", value: "DIR", help: "the bundle; the current directory when absent" },
  { name: "config", short: "f", value: "FILE", help: "the config; config.json of the bundle when absent" },
  { name: "console-socket", value: "PATH", help: "a unix socket that the terminal's descriptor is sent to" },
  { name: "pid-file", value: "FILE", help: "write the pid of the container's first process there" },
  { name: "no-pivot", help: "enter the root by chroot instead of pivot_root (not supported yet)" },
  { name: "no-new-keyring", help: "keep the caller's session keyring (not supported yet)" },
  { name: "preserve-fds", value: "N", help: "hand N descriptors after standard error on to the container" },
] as const;

export const command: Command = {
  name: "create",
  summary: "make a container from an OCI bundle; hutch start runs its program",
  usage: "[OPTIONS] ID",
  options: CREATE_OPTIONS,
  stopsAtWord: false,
  examples: [["hutch create --bundle /srv/box box && hutch start box", "make it, then run it"]],
};

/** The one id that a command takes. */
export function oneId(given: Given): string {
  const [id, ...more] = given.words;
  if (id === undefined) throw usageError(given.command, "expected the container's ID");
  if (more.length > 0) throw usageError(given.command, `expected one ID, received ${given.words.join(" ")}`);
  checkId(id);
  return id;
}

/** Written whole or not at all: whoever waits for the file reads all of it. */
function writePidFile(path: string, record: Record): void {
  writeFile(`${path}.hutch`, `${record.init?.pid}`, { mode: 0o644 });
  rename(`${path}.hutch`, path);
}

/** prestart and createRuntime: in hutch's own namespaces, when those of the container are made. */
async function hooksOfHost(root: string, { hooks }: Spec, record: Record): Promise<void> {
  const context = hookContext({ root, id: record.id, record, status: "creating" });
  await runHooks("prestart", hooks?.prestart, context);
  await runHooks("createRuntime", hooks?.createRuntime, context);
}

/** Makes the container that the options describe. */
export async function createFrom(given: Given, globals: Globals): Promise<string> {
  const id = oneId(given);
  const preserveFds = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  const { spec, launch, bundle } = loadBundle(
    last(given, "bundle") ?? ".",
    look,
    warn,
    last(given, "config"),
  );
  const socket = last(given, "console-socket");
  if (spec.process?.terminal === true && socket === undefined) {
    throw new HutchError({ operation: "process.terminal", reason: "expected --console-socket" });
  }
  const host = gatherHost(look);
  const wishes = { ...launch, preserveFds };
  const { plan, record } = await planCreation({ id, bundle, spec, host, launch: wishes }, look);
  await create({
    root: globals.root,
    record,
    plan,
    preserveFds,
    console: spec.process?.terminal === true && socket !== undefined ? connect(socket) : undefined,
    whenMade: (made) => hooksOfHost(globals.root, spec, made),
    whenReady: async (ready) => {
      const pidFile = last(given, "pid-file");
      if (pidFile !== undefined) writePidFile(pidFile, ready);
    },
  });
  return id;
}

export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  await createFrom(readOptions(command, argv), globals);
}
