/** The public functions of hutch as a library: a description, and what can be made of it. */

import { checkId } from "../container/store.ts";
import { look } from "../host/look.ts";
import type { Spec } from "../spec/spec.ts";
import { type Description, describeContainer } from "./description.ts";
import { checkExec, type ExecOptions, exec, type Joined, type Joiners } from "./exec.ts";
import { type Launched, launch, type Start } from "./launcher.ts";
import { type BundleOptions, type ContainerOptions, checkNames } from "./options.ts";
import { compilePlan, explainPlan, makeProgram } from "./program.ts";
import { keepPrograms } from "./programs.ts";
import { abandonHooks, endOnAbort, processOf, type RunningProcess, statsOf } from "./running.ts";
import type { Stats } from "./stats.ts";
import { checkStreams, type Stream } from "./stream.ts";
import { turn } from "./turn.ts";
import { refuseStderr } from "./window.ts";

/** How a container is started. */
export interface StartOptions<
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
  /** Ends the container at once when it is aborted, also while it is being made. */
  readonly signal?: AbortSignal;
  /** The container lives on when this process ends; without it, it ends with it. */
  readonly detached?: boolean;
  /** Unique on the machine; one is made up when absent. */
  readonly id?: string;
}

const START_NAMES: readonly (keyof StartOptions)[] = [
  "stdin",
  "stdout",
  "stderr",
  "signal",
  "detached",
  "id",
];

/** A container that runs. */
export interface RunningContainer<
  In extends Stream = Stream,
  Out extends Stream = Stream,
  Err extends Stream = Stream,
> extends RunningProcess<In, Out, Err> {
  readonly id: string;
  /**
   * Starts a process more in it; fulfilled when the command runs. User, environment, directory and
   * capabilities are the container's own where no option says otherwise.
   */
  readonly exec: <
    const MoreIn extends Stream = "ignore",
    const MoreOut extends Stream = "inherit",
    const MoreErr extends Stream = "inherit",
  >(
    command: readonly string[],
    options?: ExecOptions<MoreIn, MoreOut, MoreErr>,
  ) => Promise<RunningProcess<MoreIn, MoreOut, MoreErr>>;
  /** What it uses now; throws HutchError when it has ended, or has no limit and so no cgroup of its own. */
  readonly stats: () => Stats;
  /** Keeps this process from ending no longer, as Bun.spawn's unref does. */
  readonly unref: () => void;
}

/** A description of a container, checked. */
export interface Container extends Disposable {
  /** The OCI configuration it means; the filter of system calls may be added to it. */
  readonly spec: Spec;
  /** Every system call of it with its reason, as `hutch explain` prints it. */
  readonly explain: () => Promise<string>;
  /** A static executable that is the container, as `hutch compile` writes it. */
  readonly compile: () => Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Starts a container; fulfilled when its command runs. The first start compiles the program, all others use
   * it: what the plan has asked of the machine (mounts, cgroups, ids) is not asked again. Rejected with a
   * HutchError that says what the start failed at, when all is undone.
   */
  readonly start: <
    const In extends Stream = "ignore",
    const Out extends Stream = "inherit",
    const Err extends Stream = "inherit",
  >(
    options?: StartOptions<In, Out, Err>,
  ) => Promise<RunningContainer<In, Out, Err>>;
}

let count = 0;
/** With the time: what a process that was killed has left must not be in the way of its number's next. */
const newId = (): string => `${process.pid}-${Date.now().toString(36)}-${++count}`;

/** Programs hold a descriptor each; a description that is forgotten lets go of them. */
const forgotten = new FinalizationRegistry((release: () => void) => release());

/**
 * Describes a container; throws HutchError, and does nothing, when the description is wrong.
 */
export function container(options: ContainerOptions | BundleOptions): Container {
  const { now, whole } = describeContainer(options, look);
  let described: Promise<Description> | undefined;
  const environment = environmentOf(now.environment);
  const description = async (): Promise<Description> => {
    described ??= whole();
    try {
      return await described;
    } catch (error) {
      // A profile that could not be read may be there at the next start.
      described = undefined;
      throw error;
    }
  };
  const programs = keepPrograms(async (detached, id) => makeProgram(await description(), detached, id, look));
  const joiners: Joiners = new Map();

  async function start<In extends Stream, Out extends Stream, Err extends Stream>(
    options?: StartOptions<In, Out, Err>,
  ): Promise<RunningContainer<In, Out, Err>>;
  async function start(options: StartOptions = {}): Promise<RunningContainer> {
    checkNames("start", options, START_NAMES);
    checkStreams("start", options);
    const { id = newId(), detached = false, signal } = options;
    checkId(id);
    signal?.throwIfAborted();
    const { warnings, spec: described } = await description();
    const terminal = terminalOf(described, options);
    const { program, launched } = await programs.use(detached, id, async (program) => {
      await turn();
      signal?.throwIfAborted();
      const launched = launch({
        id,
        file: program.file,
        cgroups: program.cgroups(id),
        plan: program.plan,
        environment,
        streams: [options.stdin ?? "ignore", options.stdout ?? "inherit", options.stderr ?? "inherit"],
        terminal,
        hooks: hasHooks(described),
        warnings,
      });
      return { program, launched };
    });
    await birth(launched, signal);
    return runningOf({ id, launched, program, joiners });
  }
  const self: Container = {
    spec: now.spec,
    explain: async () => explainPlan(await description(), look),
    compile: async () => compilePlan(await description()),
    start,
    [Symbol.dispose]: programs.release,
  };
  forgotten.register(self, programs.release);
  return self;
}

const hasHooks = ({ hooks }: Spec): boolean => Object.values(hooks ?? {}).some((list) => list?.length);

/** The terminal of a start, in the size that the description says. */
function terminalOf({ process }: Spec, { stderr }: StartOptions): Start["terminal"] {
  if (!process?.terminal) return undefined;
  refuseStderr(stderr);
  const { width, height } = process.consoleSize ?? {};
  return { size: width && height ? { columns: Number(width), rows: Number(height) } : undefined };
}

const environmentOf = (list: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    list.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );

/** Waits until the program runs; when the signal is aborted meanwhile, until it has ended. */
async function birth(launched: Launched, signal: AbortSignal | undefined): Promise<void> {
  endOnAbort(launched, signal);
  const endHooks = (): void => abandonHooks(launched);
  signal?.addEventListener("abort", endHooks);
  if (signal?.aborted) endHooks();
  try {
    await launched.running;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", endHooks);
  }
  if (signal?.aborted) await launched.exited;
  signal?.throwIfAborted();
}

function runningOf(joined: Joined): RunningContainer {
  const { id, launched, program } = joined;
  const cgroups = program.cgroups(id);
  async function execIn<In extends Stream, Out extends Stream, Err extends Stream>(
    command: readonly string[],
    options?: ExecOptions<In, Out, Err>,
  ): Promise<RunningProcess<In, Out, Err>>;
  async function execIn(command: readonly string[], options: ExecOptions = {}): Promise<RunningProcess> {
    checkExec(command, options);
    await turn();
    options.signal?.throwIfAborted();
    const added = exec(joined, command, options, look);
    await birth(added, options.signal);
    return processOf(added);
  }
  return Object.assign(processOf(launched), {
    id,
    exec: execIn,
    stats: () => statsOf(id, cgroups),
    unref: () => {
      launched.letGo();
      launched.child.unref();
    },
  });
}
