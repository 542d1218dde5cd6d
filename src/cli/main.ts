/**
 * The one place that ends the process: finds the command, runs it, and turns an error into a message and a
 * code.
 */
import { HutchError } from "../linux/error.ts";
import { TUNING_NAME } from "../plan/tuning.ts";
import {
  GLOBAL_OPTIONS,
  type Globals,
  globalsOf,
  readGlobals,
  refuseSystemd,
  type Start,
} from "./globals.ts";
import type { Command } from "./option.ts";

declare const HUTCH_VERSION: string;
declare const HUTCH_COMMIT: string;

interface Module {
  readonly command: Command;
  readonly run: (argv: readonly string[], globals: Globals) => void | Promise<void>;
}

/** Loaded when they are asked for: a container that starts pays for its own command alone. */
const COMMANDS: Readonly<Record<string, () => Promise<Module>>> = {
  in: () => import("./in.ts"),
  run: () => import("./run.ts"),
  exec: () => import("./exec.ts"),
  explain: () => import("./explain.ts"),
  compile: () => import("./compile.ts"),
  spec: () => import("./spec.ts"),
  create: () => import("./create.ts"),
  start: () => import("./start.ts"),
  state: () => import("./state.ts"),
  kill: () => import("./kill.ts"),
  delete: () => import("./delete.ts"),
  list: () => import("./list.ts"),
  ps: () => import("./ps.ts"),
  features: () => import("./features.ts"),
  pause: () => import("./pause.ts"),
  resume: () => import("./resume.ts"),
  events: () => import("./events.ts"),
  update: () => import("./update.ts"),
  checkpoint: () => import("./checkpoint.ts"),
  restore: () => import("./restore.ts"),
};

/** Commands that make a container which hutch leaves to itself. */
const MAKERS = ["in"];

/** The exit code when hutch itself fails; engines know the 1 of runc from the commands that runc has. */
const OWN_FAILURE = 125;
const OCI_FAILURE = 1;
const OWN_COMMANDS = ["in", "run", "exec", "explain", "compile", "spec"];

const VERSION_WORDS = ["--version", "-v", "version"];
const HELP_WORDS = ["--help", "-h", "help"];

const versionText = (): string =>
  `hutch version ${HUTCH_VERSION}\ncommit: ${HUTCH_COMMIT}\nspec: 1.3.0\nbun: ${Bun.version}\n`;

/** Every command, in the order of the overview. */
export const loadAll = (): Promise<Module[]> => Promise.all(Object.values(COMMANDS).map((load) => load()));

/** True when help is asked for among the options; what stands after WHERE belongs to the container. */
function asksForHelp({ command }: Module, argv: readonly string[]): boolean {
  const options = command.options;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    if (word === "--help" || word === "-h") return true;
    if (word === "--" || (command.stopsAtWord && !word.startsWith("-"))) return false;
    const name = word.replace(/^--?/, "");
    const option = options.find((each) => each.name === name || each.short === name);
    if (option?.value !== undefined && option.optional !== true) index += 1;
  }
  return false;
}

async function unknownCommand(name: string): Promise<never> {
  const [{ nearest }, { familiarCommand }] = await Promise.all([
    import("../options/nearest.ts"),
    import("./familiar.ts"),
  ]);
  const options = ["--help", "--version", ...GLOBAL_OPTIONS.map((option) => `--${option.name}`)];
  const near = nearest(name, name.startsWith("-") ? options : Object.keys(COMMANDS));
  throw new HutchError({
    operation: name.startsWith("-") ? `unknown option ${name}` : `unknown command ${name}`,
    hint: familiarCommand(name) ?? (near === undefined ? "see hutch --help" : `did you mean hutch ${near}?`),
  });
}

/** The command of this name; "toString" is none. */
const commandNamed = (name: string | undefined): (() => Promise<Module>) | undefined =>
  name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;

async function dispatch({ values, rest: words }: Start): Promise<void> {
  const [name, ...rest] = words;
  const load = commandNamed(name);
  if (name !== undefined && load !== undefined) {
    const module = await load();
    if (!asksForHelp(module, rest)) {
      const globals = globalsOf(values);
      if (MAKERS.includes(name)) refuseSystemd(globals);
      if (!globals.debug) return module.run(rest, globals);
      const { withDebug } = await import("./debug.ts");
      return withDebug(globals, words, async () => module.run(rest, globals));
    }
    const { commandHelp } = await import("./help.ts");
    const { print } = await import("./output.ts");
    return print(await commandHelp(module.command));
  }
  const { print, warn } = await import("./output.ts");
  if (name !== undefined && VERSION_WORDS.includes(name)) return print(versionText());
  const { commandHelp, overview } = await import("./help.ts");
  const about = commandNamed(rest[0]);
  if (name === "help" && about !== undefined) return print(await commandHelp((await about()).command));
  if (name === "help" && rest[0] !== undefined && !HELP_WORDS.includes(rest[0]))
    return unknownCommand(rest[0]);
  if (name !== undefined && !HELP_WORDS.includes(name)) return unknownCommand(name);
  const text = await overview((await loadAll()).map(({ command }) => command));
  if (name !== undefined) return print(text);
  warn(`expected a command\n\n${text.trimEnd()}`);
  process.exitCode = OWN_FAILURE;
}

/**
 * Bun has replaced what is no UTF-8 by U+FFFD: such a word would name another file than the one that was
 * meant. Whoever writes that character himself is served.
 */
async function refuseBrokenText(argv: readonly string[]): Promise<void> {
  if (!argv.some((word) => word.includes("\uFFFD"))) return;
  const { readFile } = await import("../host/fd.ts");
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(readFile("/proc/self/cmdline"));
  } catch (cause) {
    if (cause instanceof HutchError) throw cause;
    throw new HutchError({ operation: "hutch", reason: "the command line is not valid UTF-8", cause });
  }
}

/** As a shell tells of a program that SIGPIPE, which Bun ignores, has ended: nobody reads any more. */
const UNREAD = 141;

const isUnread = (error: unknown): boolean =>
  error instanceof HutchError && error.errno === "EPIPE" && error.operation === "write standard output";

/** The exit code of an error. */
function exitCodeOf(error: unknown, name: string | undefined): number {
  const code = error instanceof HutchError ? error.exitCode : OWN_FAILURE;
  const isOci = commandNamed(name) !== undefined && !OWN_COMMANDS.includes(name ?? "");
  return code === OWN_FAILURE && isOci ? OCI_FAILURE : code;
}

/** Runs hutch; `argv` is without the program's name. */
export async function main(argv: readonly string[]): Promise<void> {
  // It was for Bun, and is nobody else's.
  delete process.env[TUNING_NAME];
  const start = readGlobals(argv);
  try {
    await refuseBrokenText(argv);
    await dispatch(start);
  } catch (error) {
    if (isUnread(error)) process.exit(UNREAD);
    const { report } = await import("./report.ts");
    await report(error, start.values);
    process.exit(exitCodeOf(error, start.rest[0]));
  }
}
