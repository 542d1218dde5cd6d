/** From what a caller describes to what a plan is made of. Whatever can be refused at once is. */
import { loadBundle } from "../container/bundle.ts";
import { gatherHost } from "../container/host.ts";
import { PLAIN } from "../container/plan.ts";
import type { Look } from "../host/look.ts";
import { environmentOf } from "../options/in-environment.ts";
import { readIn } from "../options/in-spec.ts";
import { chooseSeccomp, lookAround } from "../options/surroundings.ts";
import type { Host, Launch } from "../plan/context.ts";
import { parseSpec } from "../spec/parse.ts";
import type { Spec } from "../spec/spec.ts";
import {
  type BundleOptions,
  COMMAND,
  type ContainerOptions,
  checkNames,
  checkObject,
  givenOf,
  isBundle,
  windowOf,
} from "./options.ts";
import { inWords } from "./words.ts";

export interface Description {
  readonly spec: Spec;
  readonly host: Host;
  readonly launch: Omit<Launch, "id">;
  /** Of the program and, when its plan says so, of the container. */
  readonly environment: readonly string[];
  /** What the specification wants to be said, but not refused. */
  readonly warnings: readonly string[];
}

/** A description, and the rest of it that takes a moment: the filter of system calls. */
export interface Described {
  readonly now: Description;
  readonly whole: () => Promise<Description>;
}

export function describeContainer(options: ContainerOptions | BundleOptions, look: Look): Described {
  checkObject(COMMAND, options);
  return isBundle(options)
    ? describeBundle(options, look)
    : inWords(COMMAND, () => describeOptions(options, look));
}

function describeOptions(options: ContainerOptions, look: Look): Described {
  const given = givenOf(options);
  const around = lookAround(given, look);
  const environment = environmentOf(given, {});
  const window = windowOf(options);
  const size = window === undefined ? {} : { consoleSize: { width: window.columns, height: window.rows } };
  const read = (seccomp: Parameters<typeof readIn>[1]["seccomp"]): Description => {
    const { spec: read, launch } = readIn(given, { ...around, seccomp }, environment);
    const spec = { ...read, process: { ...read.process, ...size } };
    return { spec: parseSpec(spec, { name: COMMAND }), host: around.host, launch, environment, warnings: [] };
  };
  return {
    now: read({ profile: undefined, filter: undefined }),
    whole: async () => {
      const seccomp = await chooseSeccomp(given, around.host, look);
      return inWords(COMMAND, () => read(seccomp));
    },
  };
}

function describeBundle(options: BundleOptions, look: Look): Described {
  checkNames(COMMAND, options, ["bundle", "config", "init"]);
  const warnings: string[] = [];
  const { bundle, config, init = false } = options;
  const { spec, bundle: path } = loadBundle(bundle, look, (line) => warnings.push(line), config);
  const launch = { ...PLAIN, init, dieWithLauncher: true, bundle: path };
  const now = { spec, host: gatherHost(look), launch, environment: [], warnings };
  return { now, whole: async () => now };
}
