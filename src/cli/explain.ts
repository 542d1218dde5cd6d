/** hutch explain: what a container would be made of. */
import { loadBundle } from "../container/bundle.ts";
import { gatherHost } from "../container/host.ts";
import { compile } from "../container/launch.ts";
import { planFor } from "../container/plan.ts";
import { open, readAt, using, writeFile } from "../host/fd.ts";
import { look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import { O_RDONLY } from "../linux/fcntl.ts";
import { environmentOf } from "../options/in-environment.ts";
import { IN_OPTIONS } from "../options/in-options.ts";
import { readIn } from "../options/in-spec.ts";
import { surroundings } from "../options/surroundings.ts";
import type { Host } from "../plan/context.ts";
import { printPlan } from "../plan/print.ts";
import type { Plan } from "../plan/step.ts";
import type { Hooks } from "../spec/hooks.ts";
import { parseSpec } from "../spec/parse.ts";
import { foregroundLaunch } from "./bundle-plan.ts";
import { type Command, type Given, last, readOptions, usageError } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "explain",
  summary: "print every system call that a container is made of, with its reason; run nothing",
  usage: "[OPTIONS] WHERE [--] COMMAND [ARGUMENT…]  |  --bundle DIR  |  FILE",
  options: [
    ...IN_OPTIONS,
    {
      name: "bundle",
      short: "b",
      value: "DIR",
      help: "explain an OCI bundle instead, as hutch run would start it",
    },
    {
      name: "output",
      short: "o",
      value: "FILE",
      help: "write the program these calls are compiled to, to a file",
    },
  ],
  stopsAtWord: true,
  examples: [
    ["hutch explain ./rootfs sh", "what hutch in ./rootfs sh would do"],
    ["hutch explain --memory 64m / -- sh | less", "what a limit adds"],
    ["hutch explain server.box", "what a file that hutch compile has made does"],
    ["hutch explain --bundle .", "what hutch run would do with the bundle in this directory"],
    ["hutch explain --output box / -- true && ./box", "the calls as a program of a few kilobytes"],
  ],
  notes: [
    "Needs no privileges. <name> is a value that an earlier call gave, [name] is memory that the kernel fills, and " +
      "what follows # is done about the errors that are expected; any other error ends the program with a message.",
  ],
};

/** The hooks that are no steps of the plan. */
const BY_HUTCH = [
  ["prestart", "when the namespaces are made"],
  ["createRuntime", "when the namespaces are made"],
  ["poststart", "when the container's program has begun"],
  ["poststop", "when the container is gone"],
] as const;

/** No program is longer; behind it a packed root may follow. */
const MOST = 2 ** 22;

const startOf = (file: string): Uint8Array =>
  using(open(file, O_RDONLY), (fd) => {
    const bytes = new Uint8Array(new ArrayBuffer(MOST));
    return bytes.subarray(0, readAt(fd, bytes, 0, file));
  });

/** The id of a container that is only talked about. */
const nobody = (): string => "ID";

/** A bundle says all by itself. */
function refuseMore({ command: name, values, words }: Given): void {
  const more = [...values.keys()].filter((option) => !["bundle", "output"].includes(option));
  const [first = words[0]] = more.map((option) => `--${option}`);
  if (first !== undefined) throw usageError(name, `${first}: --bundle takes --output alone`);
}

interface Explained {
  readonly plan: Plan;
  readonly host: Host;
  /** The hooks that keep hutch beside the container. */
  readonly beside?: Hooks;
}

/** What hutch does itself while the program that follows runs. */
function besideText(hooks: Hooks): string {
  const lines = BY_HUTCH.flatMap(([name, when]) =>
    (hooks[name] ?? []).map(({ path }) => `    ${name} ${path}   # ${when}`),
  );
  return [
    "hutch stays beside this container, because it has hooks; it runs by itself",
    ...lines,
    "",
    "",
  ].join("\n");
}

async function planOf(given: Given): Promise<Explained> {
  const bundle = last(given, "bundle");
  if (bundle !== undefined) {
    refuseMore(given);
    const host = gatherHost(look);
    const { spec, launch } = loadBundle(bundle, look);
    const whole = { ...launch, ...foregroundLaunch(spec), executable: undefined, id: nobody };
    return {
      host,
      plan: await planFor(spec, host, whole, look),
      ...(whole.supervises ? { beside: spec.hooks ?? {} } : {}),
    };
  }
  const around = await surroundings(given, look);
  const { spec, launch } = readIn(given, around, environmentOf(given, process.env));
  return {
    host: around.host,
    plan: await planFor(
      parseSpec(spec, { name: "in" }),
      around.host,
      { ...launch, id: nobody, givenEnvironment: false },
      look,
    ),
  };
}

/** The text that a compiled file carries of its plan; undefined when the words do not name such a file. */
async function textOfFile({ words, values }: Given): Promise<string | undefined> {
  const [file, ...rest] = words;
  if (file === undefined || rest.length > 0 || values.size > 0) return undefined;
  const kind = look("kind", file);
  if (kind === undefined) {
    throw new HutchError({
      operation: `explain ${file}`,
      errno: "ENOENT",
      hint: "expected a file of hutch compile, or WHERE (a directory) and a command",
    });
  }
  if (kind !== "file") return undefined;
  const { planTextOf } = await import("../container/compile.ts");
  return planTextOf(startOf(file), file);
}

function writeProgram(output: string, bytes: Uint8Array): void {
  try {
    writeFile(output, bytes, { mode: 0o755 });
  } catch (error) {
    if (!(error instanceof HutchError) || error.errno === undefined) throw error;
    const hints: { readonly [errno: string]: string } = {
      ENOENT: `mkdir -p ${output.slice(0, Math.max(0, output.lastIndexOf("/")))}`,
      EISDIR: "name the file to write",
      ETXTBSY: "it is running: name another",
    };
    throw new HutchError({
      operation: `--output ${output}`,
      errno: error.errno,
      hint: hints[error.errno],
      cause: error,
    });
  }
}

export async function run(argv: readonly string[]): Promise<void> {
  const given = readOptions(command, argv);
  const text = await textOfFile(given);
  if (text !== undefined) return print(text);
  const { plan, host, beside } = await planOf(given);
  const output = last(given, "output");
  if (output === undefined) {
    print(`${beside === undefined ? "" : besideText(beside)}${printPlan(plan, host.arch)}`);
    return;
  }
  if (beside !== undefined) {
    throw new HutchError({
      operation: `--output ${output}`,
      reason: "a container with hooks is no program of its own: hutch stays beside it",
    });
  }
  writeProgram(output, await compile(plan, host.arch));
}
