/** hutch compile: a container as one static executable. */
import { loadBundle } from "../container/bundle.ts";
import {
  type CompileOptions,
  compileFile,
  type Descriptions,
  foreignHost,
  forUser,
  unlessRefused,
} from "../container/compile.ts";
import { write } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import { look } from "../host/look.ts";
import { absolutePath } from "../host/path.ts";
import { replaceFile } from "../host/whole-file.ts";
import { ARCHES, type Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import { IN_OPTIONS } from "../options/in-options.ts";
import { readIn } from "../options/in-spec.ts";
import { isDirectoryPath } from "../options/second-root.ts";
import { surroundings } from "../options/surroundings.ts";
import { parsePair } from "../options/value.ts";
import { DEFAULT_PATH } from "../plan/exec.ts";
import { planJson } from "../plan/json.ts";
import type { AtEnd } from "../plan/machine.ts";
import { parseSpec } from "../spec/parse.ts";
import { checkOutput, isStandardOutput, STDOUT, takeOutput, withoutOutput } from "./compile-output.ts";
import { familiarProcessor } from "./familiar.ts";
import { all, type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";
import { placeOf, tellFixed } from "./relative.ts";
import { reportName } from "./report-option.ts";

export const command: Command = {
  name: "compile",
  summary: "make a container one static executable, which needs neither hutch nor a libc",
  usage: "-o FILE [OPTIONS] WHERE [--] COMMAND [ARGUMENT…]  |  -o FILE --bundle DIR",
  options: [
    {
      name: "output",
      short: "o",
      value: "FILE",
      help: "the file to write, - for standard output; may stand at the very end where no -- is",
    },
    { name: "bundle", short: "b", value: "DIR", help: "compile an OCI bundle, as hutch run would start it" },
    {
      name: "arch",
      value: "NAME",
      help: `the processor it is for: ${ARCHES.join(" or ")}; this one's when absent`,
    },
    { name: "args", help: "arguments of the file are added to those of the command" },
    {
      name: "relative",
      help: "paths below the file's directory, of --report too, are found beside it, wherever it is moved to",
    },
    {
      name: "rootfs-from-env",
      value: "NAME",
      help: "the root is the directory that this variable names; WHERE is left out",
    },
    {
      name: "pack",
      help: "the root travels inside the file, as a read-only image; an ordinary user has it in memory",
    },
    {
      name: "machine",
      value: "poweroff|reboot",
      optional: true,
      help: "as /init of an initramfs it mounts what it needs, and switches the machine off at the end",
    },
    { name: "strip", help: "leave out the text of the plan, which hutch explain FILE prints" },
    { name: "json", help: "write the plan as JSON instead (to standard output without -o)" },
    ...IN_OPTIONS,
  ],
  stopsAtWord: true,
  examples: [
    [
      "hutch compile --memory 64m --pids 20 --cap-drop all ./rootfs /bin/server -o server.box",
      "limits, and no privilege at all; ./server.box starts it",
    ],
    ["hutch compile --bundle . -o box", "an OCI bundle"],
    [
      "hutch compile --args --relative ./rootfs /bin/tool -o tool",
      "./tool x runs /bin/tool x; rootfs moves with it",
    ],
    ["hutch compile --pack ./rootfs /bin/server -o server", "one file that is program and root"],
    [
      "hutch compile --machine --relative ./rootfs /bin/server -o init",
      "a machine whose initramfs holds init and rootfs is this container",
    ],
    ["hutch compile --arch aarch64 ./rootfs /bin/server -o server", "for another processor"],
  ],
  notes: [
    "The file finds out itself, when it starts, what depends on the machine: whether it is started by root or by an " +
      "ordinary user, version 1 or 2 of cgroups (/sys/fs/cgroup), and the caller's environment, which the command gets " +
      "with container=hutch, PATH and --env. The command is looked for in --env PATH=… or the usual directories.",
    "Relative paths (WHERE, --bind, --overlay=DIR, --report) start at the directory in which the file is compiled, " +
      "wherever it is started. With --relative those below the file's directory are found beside the file.",
    "The root of --pack is mounted from the file itself: one that may be running is replaced by mv, as -o does, never " +
      "by cp. -o - and pipes are refused for it.",
    "A failure is told as FILE: what was tried: the system call: the error, with exit code 125; nothing is left behind.",
  ],
};

/** The options of a container that `run` has, too. */
const OF_BUNDLE: readonly string[] = ["init", "report"];

function archOf(given: Given): Arch {
  const name = last(given, "arch");
  const arch = name === undefined ? hostArch() : ARCHES.find((each) => each === name);
  if (arch !== undefined) return arch;
  const meant = familiarProcessor(name ?? "");
  const hint = meant === undefined ? undefined : `--arch ${meant}`;
  throw usageError("compile", `--arch ${name}: expected ${ARCHES.join(" or ")}`, hint);
}

/** The variables that the file sets over those of its caller. */
function variablesOf(given: Given): string[] {
  const variables = new Map([
    ["PATH", DEFAULT_PATH],
    ["container", "hutch"],
  ]);
  for (const text of all(given, "env")) variables.set(...parsePair("env", text));
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** The file may be started anywhere: a relative path is that of now, as those of WHERE and --bind are. */
function reportOf(given: Given): string | false {
  const name = reportName(given);
  return name === undefined ? false : absolutePath(name);
}

async function describeIn(given: Given, arch: Arch, isRoot: boolean) {
  const variable = variableOf(given);
  if (variable !== undefined && isDirectoryPath(given.words[0], look)) {
    throw usageError(
      "compile",
      `--rootfs-from-env ${variable}: expected a command, received the directory ${given.words[0]}`,
      "WHERE is left out",
    );
  }
  if (variable !== undefined && given.words.length === 0)
    throw usageError(
      "compile",
      "expected a command",
      `hutch compile -o FILE --rootfs-from-env ${variable} -- sh`,
    );
  // A directory that is there, wherever this is done.
  const words = variable === undefined ? given.words : ["/", ...given.words];
  const wish = { ...given, words };
  const around = await surroundings(wish, look, foreignHost(arch, isRoot));
  const isPacked = has(given, "pack");
  const where = isPacked ? PACKED : variable === undefined ? around.where : `$${variable}`;
  // What a root that is found later has mounts in, nobody knows yet.
  const submounts = isPacked || variable !== undefined ? [] : around.submounts;
  const { spec, launch } = readIn(wish, { ...around, where, submounts }, variablesOf(given));
  const { givenEnvironment: _, ...rest } = launch;
  return {
    spec: parseSpec(spec, { name: "compile" }),
    launch: { ...rest, reports: reportOf(given), givenEnvironment: !has(given, "clear-env") },
  };
}

/** What `run` has no words for either stands in config.json. */
function refuseMore({ values, words }: Given): void {
  if (words.length > 0)
    throw usageError("compile", "--bundle: the command stands in config.json", `leave out ${words[0]}`);
  const more = IN_OPTIONS.find(({ name }) => values.has(name) && !OF_BUNDLE.includes(name));
  if (more === undefined) return;
  const reason = `--${more.name}: --bundle takes ${OF_BUNDLE.map((name) => `--${name}`).join(" and ")} alone of the options of in`;
  throw usageError("compile", reason, "what a bundle is made of stands in its config.json");
}

function describeBundle(directory: string, given: Given): Descriptions {
  refuseMore(given);
  const { spec, bundle } = loadBundle(directory, look, warn);
  const root = { spec, launch: { init: has(given, "init"), reports: reportOf(given), bundle } };
  return { root, user: forUser(root) };
}

/** What root gets and what an ordinary user gets. */
async function describe(given: Given, arch: Arch): Promise<Descriptions> {
  const bundle = last(given, "bundle");
  if (bundle !== undefined) return describeBundle(bundle, given);
  const root = await describeIn(given, arch, true);
  return { root, ...(await unlessRefused(() => describeIn(given, arch, false))) };
}

/** How messages name a root that is in the file. */
const PACKED = "(packed)";

/** The directory that --pack puts into the file. */
function packedRoot(given: Given): string {
  if (has(given, "rootfs-from-env"))
    throw usageError(
      "compile",
      "--pack: the root is in the file, or in --rootfs-from-env",
      "leave one of them out",
    );
  const bundle = last(given, "bundle");
  const root = bundle === undefined ? (given.words[0] ?? "") : loadBundle(bundle, look).spec.root?.path;
  const path = look("real", root ?? "") ?? "/";
  if (path !== "/") return path;
  const hint = "copy what is wanted of the host's files into a directory";
  throw usageError("compile", "--pack: expected a directory other than / as WHERE", hint);
}

/** The newest time in an image: https://reproducible-builds.org/docs/source-date-epoch/. */
function latestTime(): bigint | undefined {
  const text = process.env["SOURCE_DATE_EPOCH"];
  if (text === undefined) return undefined;
  if (/^\d{1,12}$/.test(text)) return BigInt(text) * 1_000_000_000n;
  throw usageError(
    "compile",
    `SOURCE_DATE_EPOCH=${text}: expected seconds since 1970`,
    "date +%s tells those of now",
  );
}

/** The variable that names the root. */
function variableOf(given: Given): string | undefined {
  const name = last(given, "rootfs-from-env");
  if (name === undefined || (name !== "" && !name.includes("="))) return name;
  throw usageError(
    "compile",
    `--rootfs-from-env ${name}: expected the name of a variable`,
    "for example ROOT",
  );
}

function machineOf(given: Given): AtEnd | undefined {
  const word = last(given, "machine");
  if (word === undefined) return undefined;
  if (word === "" || word === "poweroff") return "poweroff";
  if (word === "reboot") return word;
  throw usageError("compile", `--machine=${word}: expected poweroff or reboot`, "poweroff when absent");
}

/** What may not be read is told with what can be done about it. */
async function hintReading<Of>(pack: () => Promise<Of>): Promise<Of> {
  try {
    return await pack();
  } catch (error) {
    if (!(error instanceof HutchError) || error.errno !== "EACCES" || error.hint !== undefined) throw error;
    const { operation, reason, errno } = error;
    const hint = "--pack takes a root that this user may read, all of it";
    throw new HutchError({ operation, reason, errno, hint, cause: error });
  }
}

export async function run(argv: readonly string[]): Promise<void> {
  const { given, output } = takeOutput(readOptions(command, argv));
  const json = has(given, "json");
  if (output === undefined && !json) throw withoutOutput(given);
  if (output === "")
    throw usageError("compile", "-o: expected a file, received an empty name", "name the file to write");
  if (json && has(given, "strip"))
    throw usageError("compile", "--strip: with --json there is no text to leave out", "leave out --strip");
  const arch = archOf(given);
  const isPrinted = isStandardOutput(given, output);
  const path = absolutePath(isPrinted ? "hutch" : (output ?? ""));
  const slash = path.lastIndexOf("/");
  if (!isPrinted) checkOutput(given, path, output);
  const options: CompileOptions = {
    arch,
    name: path.slice(slash + 1),
    strip: has(given, "strip"),
    standalone: {
      args: has(given, "args"),
      ...placeOf(given, path),
      rootVariable: variableOf(given),
      machine: machineOf(given),
    },
  };
  if (has(given, "pack")) {
    if (json)
      throw usageError("compile", "--json: the plan of a packed root is not written", "leave out --pack");
    const { writePacked } = await import("../container/pack.ts");
    const directory = packedRoot(given);
    const descriptions = await describe(given, arch);
    const packed = await hintReading(() =>
      writePacked({ descriptions, options, directory, latest: latestTime(), path }),
    );
    return tellFixed(options, packed, descriptions.root.spec);
  }
  const described = await describe(given, arch);
  const { bytes, plan } = await compileFile(described, options);
  tellFixed(options, plan, described.root.spec);
  const content = json ? new TextEncoder().encode(planJson(plan, arch)) : bytes;
  if (isPrinted) return write(STDOUT, content, "standard output");
  replaceFile(path, json ? 0o644 : 0o755, (fd) => write(fd, content, path));
}
