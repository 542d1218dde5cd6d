/** A process more in a container that runs. */
import { detectCgroups } from "../cgroup/detect.ts";
import { gatherCgroups } from "../container/host.ts";
import { cgroupsToEnter, namespacesOf } from "../container/joining.ts";
import { PLAIN } from "../container/plan.ts";
import { readVolatile } from "../container/process.ts";
import { emit } from "../emit/index.ts";
import { close } from "../host/fd.ts";
import type { Look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import { HutchError } from "../linux/error.ts";
import { parseCapability, parsePair, parseUser } from "../options/value.ts";
import { makeContext } from "../plan/context.ts";
import { planJoiner } from "../plan/joiner.ts";
import { JOINER_CONTROL } from "../plan/joiner-control.ts";
import type { Plan } from "../plan/step.ts";
import { changeProcess } from "../spec/exec.ts";
import { parseProcess } from "../spec/parse.ts";
import { type Launched, launch, type Stream } from "./launcher.ts";
import { checkNames } from "./options.ts";
import { type Program, REPORT } from "./program.ts";
import { openChild } from "./running.ts";

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
  /** Variables more. */
  readonly env?: Readonly<Record<string, string>>;
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
}

const notRunning = (id: string): HutchError =>
  new HutchError({ operation: `exec in ${id}`, reason: "container not running" });

/** Where the first process is by now, of version 2. */
const ownCgroup = (pid: number, look: Look): string | undefined =>
  detectCgroups(look("cgroupMounts") ?? "", readVolatile(`/proc/${pid}/cgroup`) ?? "").unified?.own;

/** The plan of the joiner; everything that can be refused is refused here. */
function planExec(
  { id, program }: Joined,
  pid: number,
  command: readonly string[],
  options: ExecOptions,
  look: Look,
): Plan {
  const { spec, host, launch: own } = program.context;
  const wishes = {
    args: command,
    terminal: false,
    cwd: options.workdir,
    env: Object.entries(options.env ?? {}).map(([name, value]) =>
      parsePair("env", `${name}=${value}`).join("="),
    ),
    user: options.user === undefined ? undefined : parseUser("user", `${options.user}`),
    groups: [],
    capabilities: (options.capAdd ?? []).flatMap((name) => parseCapability("cap-add", name)),
    apparmorProfile: undefined,
    selinuxLabel: undefined,
    noNewPrivileges: false,
  };
  const process = parseProcess(changeProcess(spec.process ?? { cwd: "/" }, wishes), { name: "exec" });
  const launch = {
    ...PLAIN,
    id: () => id,
    filter: own.filter,
    followed: true,
    dieWithParent: own.dieWithParent,
    dieWithLauncher: true,
  };
  const context = makeContext({ ...spec, process }, host, launch, undefined);
  return planJoiner(context, process, {
    namespaces: namespacesOf(pid, program.namespaces),
    ...cgroupsToEnter(program.cgroups(id), [], gatherCgroups(look), ownCgroup(pid, look)),
    detached: true,
    pidFile: undefined,
    sendsPidfd: false,
  });
}

/** Starts the process; nothing here waits. Throws HutchError for what can be refused at once. */
export function exec(joined: Joined, command: readonly string[], options: ExecOptions, look: Look): Launched {
  checkNames(options, NAMES);
  if (command.length === 0) throw new HutchError({ operation: "exec", reason: "expected a command" });
  const { id, launched } = joined;
  const fd = openChild(launched);
  const pid = launched.init();
  if (fd === undefined || pid === undefined) throw notRunning(id);
  try {
    const plan = planExec(joined, pid, command, options, look);
    const { arch } = joined.program.context.host;
    const file = executable(emit(plan, { arch, report: REPORT }), "hutch");
    try {
      // The first is the pipe for reports; idle ones are taken, so that what is opened later stands behind.
      const control = JOINER_CONTROL.slice(1).map((which) => (which === "program" ? file : fd));
      const streams = [
        options.stdin ?? "ignore",
        options.stdout ?? "inherit",
        options.stderr ?? "inherit",
      ] as const;
      return launch({ id, file, plan, environment: {}, streams: [...streams], control, warnings: [] });
    } finally {
      close(file);
    }
  } finally {
    close(fd);
  }
}
