/** A process more in a container that runs. */
import { detectCgroups } from "../cgroup/detect.ts";
import { gatherCgroups } from "../container/host.ts";
import { type Cgroups, cgroupsToEnter, namespacesOf } from "../container/joining.ts";
import { PLAIN } from "../container/plan.ts";
import { readVolatile } from "../container/process.ts";
import { emit } from "../emit/index.ts";
import { close } from "../host/fd.ts";
import type { Look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import type { WindowSize } from "../host/terminal.ts";
import { HutchError } from "../linux/error.ts";
import { parseCapability, parseUser } from "../options/value.ts";
import { makeContext } from "../plan/context.ts";
import { planJoiner } from "../plan/joiner.ts";
import { JOINER_CONTROL, type Joining } from "../plan/joiner-control.ts";
import type { Plan } from "../plan/step.ts";
import { changeProcess } from "../spec/exec.ts";
import { parseProcess } from "../spec/parse.ts";
import { type Launched, launch } from "./launcher.ts";
import { checkCommand, checkNames, pairsOf, windowOf } from "./options.ts";
import { type Program, REPORT } from "./program.ts";
import { openChild } from "./running.ts";
import { checkStreams, type Stream } from "./stream.ts";
import { refuseStderr } from "./window.ts";
import { inWords } from "./words.ts";

/** What differs from the container's own process, and the streams as of a start. */
export interface ExecOptions<
  In extends Stream = Stream,
  Out extends Stream = Stream,
  Err extends Stream = Stream,
> {
  /** "ignore" when absent. */
  readonly stdin?: In;
  /** "inherit" when absent. */
  readonly stdout?: Out;
  /** "inherit" when absent. */
  readonly stderr?: Err;
  /** Ends the process at once when it is aborted. */
  readonly signal?: AbortSignal;
  /** A terminal of its own; see ContainerOptions. */
  readonly terminal?: boolean | WindowSize;
  /** Variables more. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The directory to start in. */
  readonly workdir?: string;
  /** A uid, or "UID:GID". */
  readonly user?: number | string;
  /** Capabilities more, of those that the container's user namespace has. */
  readonly capAdd?: readonly string[];
}

const NAMES: readonly (keyof ExecOptions)[] = [
  "stdin",
  "stdout",
  "stderr",
  "signal",
  "terminal",
  "env",
  "workdir",
  "user",
  "capAdd",
];

/** The container that is joined. */
export interface Joined {
  readonly id: string;
  readonly launched: Launched;
  readonly program: Program;
  readonly joiners: Joiners;
}

/** A joiner that was compiled. It serves every container of its description: their paths are arguments. */
interface Joiner {
  readonly plan: Plan;
  readonly bytes: Uint8Array;
}

/** By all that they are made from; those that were used last. */
export type Joiners = Map<string, Joiner>;

/** So many are kept of one description; each is some 25 kilobytes. */
const MOST_JOINERS = 16;

const notRunning = (id: string): HutchError =>
  new HutchError({ operation: `exec in ${id}`, reason: "container not running" });

/** Where the first process is by now, of version 2. */
const ownCgroup = (pid: number, look: Look): string | undefined =>
  detectCgroups(look("cgroupMounts") ?? "", readVolatile(`/proc/${pid}/cgroup`) ?? "").unified?.own;

/** What is to be joined: it may be another with every process, for the first one may have moved. */
type Place = Cgroups & Pick<Joining, "namespaces">;

function placeOf({ id, program }: Joined, pid: number, look: Look): Place {
  const namespaces = namespacesOf(pid, program.namespaces);
  const cgroups = program.cgroups(id);
  if (cgroups.length === 0) return { namespaces, tasks: [], unified: [] };
  return { namespaces, ...cgroupsToEnter(cgroups, [], gatherCgroups(look), ownCgroup(pid, look)) };
}

/** The plan of the joiner; everything that can be refused is refused here. */
function planExec(
  { program }: Pick<Joined, "program">,
  place: Place,
  command: readonly string[],
  options: ExecOptions,
): Plan {
  const { spec, host, launch: own } = program.context;
  const window = windowOf(options);
  const wishes = {
    args: command,
    terminal: window !== undefined,
    cwd: options.workdir,
    env: pairsOf("exec: env", options.env ?? {}),
    user: options.user === undefined ? undefined : parseUser("user", `${options.user}`),
    groups: [],
    capabilities: (options.capAdd ?? []).flatMap((name) => parseCapability("cap-add", name)),
    apparmorProfile: undefined,
    selinuxLabel: undefined,
    noNewPrivileges: false,
  };
  const changed = changeProcess(spec.process ?? { cwd: "/" }, wishes);
  const size = window === undefined ? {} : { consoleSize: { width: window.columns, height: window.rows } };
  const process = parseProcess({ ...changed, ...size }, { name: "exec" });
  const launch = {
    ...PLAIN,
    id: () => {
      throw new RangeError("a joiner serves containers of all names");
    },
    filter: own.filter,
    followed: true,
    dieWithParent: own.dieWithParent,
    dieWithLauncher: true,
  };
  const context = makeContext({ ...spec, process }, host, launch, undefined);
  return planJoiner(context, process, {
    ...place,
    givesPaths: true,
    detached: true,
    pidFile: undefined,
    sendsPidfd: false,
  });
}

/** A joiner of the same description as before, or a new one. */
export function joinerFor(
  joined: Pick<Joined, "program" | "joiners">,
  place: Place,
  command: readonly string[],
  options: ExecOptions,
): Joiner {
  const { joiners, program } = joined;
  const { env, workdir, user, capAdd, terminal } = options;
  const { namespaces, tasks, unified } = place;
  const { dieWithParent } = program.context.launch;
  const shape = [namespaces, tasks.length, unified.length, dieWithParent];
  const key = JSON.stringify([command, { env, workdir, user, capAdd, terminal }, shape]);
  let joiner = joiners.get(key);
  if (joiner === undefined) {
    const plan = inWords("exec", () => planExec(joined, place, command, options));
    joiner = { plan, bytes: emit(plan, { arch: program.context.host.arch, report: REPORT }) };
  }
  // Last of all, for the first is the one to go.
  joiners.delete(key);
  joiners.set(key, joiner);
  for (const oldest of joiners.keys()) {
    if (joiners.size <= MOST_JOINERS) break;
    joiners.delete(oldest);
  }
  return joiner;
}

/** Throws HutchError for what no process can be, which types do not keep from anybody. */
export function checkExec(command: unknown, options: ExecOptions): void {
  checkCommand("exec: command", command);
  checkNames("exec", options, NAMES);
  checkStreams("exec", options);
}

/** Starts the process; nothing here waits. Throws HutchError for what can be refused at once. */
export function exec(joined: Joined, command: readonly string[], options: ExecOptions, look: Look): Launched {
  const size = windowOf(options);
  if (size !== undefined) refuseStderr(options.stderr);
  const { id, launched } = joined;
  const fd = openChild(launched);
  const pid = launched.init();
  if (fd === undefined || pid === undefined) throw notRunning(id);
  try {
    const place = placeOf(joined, pid, look);
    const { plan, bytes } = joinerFor(joined, place, command, options);
    // A file for each, because the first thing it does is to make that impossible to execute again.
    const file = executable(bytes, "hutch");
    try {
      // The first is the pipe for reports; idle ones are taken, so that what is opened later stands behind.
      const control = JOINER_CONTROL.slice(1).map((which) => (which === "program" ? file : fd));
      const streams = [
        options.stdin ?? "ignore",
        options.stdout ?? "inherit",
        options.stderr ?? "inherit",
      ] as const;
      return launch({
        id,
        file,
        words: [...place.tasks, ...place.unified],
        plan,
        environment: {},
        streams: [...streams],
        terminal: size === undefined ? undefined : { size },
        control,
        warnings: [],
      });
    } finally {
      close(file);
    }
  } finally {
    close(fd);
  }
}
