/** hutch create: an OCI bundle, up to the point where `start` lets it go on. */
import type { Manager } from "../cgroup/systemd.ts";
import { type Creation, create } from "../container/create.ts";
import { type Draft, readDraft, recordOf } from "../container/draft.ts";
import { writePidFile } from "../container/pid-file.ts";
import { type Program, programOf } from "../container/program.ts";
import type { Record } from "../container/store.ts";
import { connect } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import { controlDescriptor } from "../plan/creator-control.ts";
import type { Hooks } from "../spec/spec.ts";
import { BUNDLE_OPTIONS, bundleWish } from "./bundle-options.ts";
import { asksUserSystemd, cgroupWish, type Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, type Given, has, last, readOptions } from "./option.ts";
import { warn } from "./output.ts";

export const command: Command = {
  name: "create",
  summary: "make a container from an OCI bundle; hutch start runs its program",
  usage: "[OPTIONS] ID",
  options: BUNDLE_OPTIONS,
  stopsAtWord: false,
  examples: [["hutch create --bundle /srv/box box && hutch start box", "make it, then run it"]],
};

/** prestart and createRuntime: in hutch's own namespaces, when those of the container are made. */
async function hooksOfHost(root: string, hooks: Hooks, record: Record, stop?: AbortSignal): Promise<void> {
  const { hookContext, runHooks } = await import("../container/hook.ts");
  const context = { ...hookContext({ root, id: record.id, record, status: "creating" }), stop };
  await runHooks("prestart", hooks.prestart, context);
  await runHooks("createRuntime", hooks.createRuntime, context);
}

/** Makes the container that the options describe. */
export async function createFrom(given: Given, globals: Globals): Promise<string> {
  const id = oneId(given);
  const manager = await managerFor(globals);
  const wish = {
    ...bundleWish(given),
    manager,
    cgroups: cgroupWish(globals),
    creates: true,
    sendsPidfd: has(given, "pidfd-socket"),
  };
  const { preserveFds } = wish;
  const program = await programOf({
    words: ["create", JSON.stringify(wish)],
    report: { kind: "pipe", fd: controlDescriptor(preserveFds, "report") },
    warn,
    plan: async (look, warnUser) => {
      const { planBundle } = await import("./bundle-plan.ts");
      return planBundle({ ...wish, id }, look, warnUser);
    },
  });
  const draft = readDraft(program.details);
  const [socket, pidfdSocket] = [last(given, "console-socket"), last(given, "pidfd-socket")];
  if (draft.terminal && socket === undefined) {
    throw new HutchError({
      operation: "process.terminal",
      reason: "expected --console-socket",
      hint: "without a terminal: false there in config.json; on the caller's: hutch run without --detach",
    });
  }
  await create({
    ...creationOf({ root: globals.root, id, program, draft, preserveFds, pidFile: last(given, "pid-file") }),
    console: draft.terminal && socket !== undefined ? connect(socket) : undefined,
    pidfdSocket: pidfdSocket === undefined ? undefined : connect(pidfdSocket),
  });
  return id;
}

export interface Made {
  readonly root: string;
  readonly id: string;
  readonly program: Program;
  readonly draft: Draft;
  readonly preserveFds: number;
  readonly pidFile: string | undefined;
  readonly report?: string | undefined;
}

/** Asks systemd what it is, first: without one nothing is begun. Undefined where hutch makes the cgroup. */
export async function managerFor({ cgroupManager }: Globals): Promise<Manager | undefined> {
  if (cgroupManager !== "systemd") return undefined;
  const { askManager } = await import("../container/unit.ts");
  return askManager(asksUserSystemd());
}

/** What systemd is asked for, and asked to forget when the rest fails. */
function unitOf({ unit }: Draft, id: string, warnUser: (line: string) => void): Creation["unit"] {
  if (unit === undefined) return undefined;
  let isPlaced = false;
  return {
    place: async ({ pid }) => {
      const { startUnit } = await import("../container/unit.ts");
      startUnit(unit, id, pid);
      isPlaced = true;
    },
    remove: async () => {
      if (!isPlaced) return;
      const { stopUnit } = await import("../container/unit.ts");
      stopUnit(unit, warnUser);
    },
  };
}

/** What is to be created, without sockets. */
export const creationOf = ({ root, id, program, draft, preserveFds, pidFile, report }: Made) => ({
  root,
  record: recordOf(draft, id),
  program,
  preserveFds,
  tellsState: [draft.hooks?.createContainer, draft.hooks?.startContainer].some((list) => list?.length),
  stays: draft.stays === true,
  report,
  unit: unitOf(draft, id, warn),
  console: undefined,
  pidfdSocket: undefined,
  whenMade: (made: Record, stop?: AbortSignal) => hooksOfHost(root, draft.hooks ?? {}, made, stop),
  whenReady: async (ready: Record) => {
    if (pidFile !== undefined && ready.init !== undefined) writePidFile(pidFile, ready.init.pid);
  },
  warn,
});

export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  await createFrom(readOptions(command, argv), globals);
}
