/** Handing the process over to its program, with the exit codes of shells (POSIX XCU 2.8.2). */
import { AT_EACCESS, AT_FDCWD, CLOSE_RANGE_CLOEXEC, LAST_DESCRIPTOR } from "../linux/fcntl.ts";
import type { Process } from "../spec/spec.ts";
import { branch, call, jump, label, set, slot, strings } from "./build.ts";
import type { Launch } from "./context.ts";
import { addArguments, addEnvironment } from "./given-process.ts";
import type { Slot, Step, Strings } from "./step.ts";

/** Found, but not executable. */
const CANNOT_EXECUTE = 126;
/** Not found. */
const NOT_FOUND = 127;
/** Where commands are looked for when the environment has no PATH. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const HINTS = {
  ENOENT: "the file, the interpreter of its #! line or its ELF loader is missing from the root",
  ENOEXEC: "the file has no #! line, or was built for another architecture",
  EACCES: "the file lacks the x bit, or lies on a mount with noexec",
  ETXTBSY: "the file is open for writing",
} as const;

const environment = (process: Process, name: string): string | undefined =>
  (process.env ?? []).find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

/**
 * Closes everything above the standard streams and those to be preserved: a descriptor of the host's would be
 * a way out (CVE-2024-21626), and a small RLIMIT_NOFILE would leave no number for what is still to be opened.
 */
export const closeDescriptors = (preserve: number): Step =>
  call("hold no descriptor of the host any more", "close_range", [3 + preserve, LAST_DESCRIPTOR, 0]);

/** What has been opened since is closed by the exec. */
export const closeAtExec = (preserve: number): Step =>
  call("let no other descriptor through", "close_range", [
    3 + preserve,
    LAST_DESCRIPTOR,
    CLOSE_RANGE_CLOEXEC,
  ]);

const X_OK = 1;

/** Where the command may be found: as it is when it has a slash, else in the directories of PATH. */
function candidatesOf(process: Process): { readonly path: string; readonly candidates: readonly string[] } {
  const [command = ""] = process.args ?? [];
  const path = environment(process, "PATH") ?? DEFAULT_PATH;
  if (command.includes("/")) return { path, candidates: [command] };
  const inDirectory = (directory: string): string => `${directory === "" ? "." : directory}/${command}`;
  return { path, candidates: path.split(":").map(inDirectory) };
}

/** Fails as the exec would when there is nothing to execute. */
export function findCommand(process: Process): Step[] {
  const [command = ""] = process.args ?? [];
  const { candidates, path } = candidatesOf(process);
  const denied = slot("command denied");
  const answer = slot("command found");
  const why = `execute ${command}`;
  return [
    ...candidates.flatMap((candidate, index) => [
      call(`look for ${candidate}`, "faccessat2", [AT_FDCWD, candidate, X_OK, AT_EACCESS], {
        into: answer,
        errors: { ENOENT: "ignore", ENOTDIR: "ignore", EACCES: { to: `command denied ${index}` } },
      }),
      branch(answer, "eq", 0, "command found"),
      jump(`command tried ${index}`),
      label(`command denied ${index}`),
      set(denied, 1),
      label(`command tried ${index}`),
    ]),
    branch(denied, "eq", 0, "no command"),
    { kind: "fail", message: `${why}: EACCES (permission denied)`, exitCode: CANNOT_EXECUTE },
    label("no command"),
    {
      kind: "fail",
      message: command.includes("/")
        ? `${why}: ENOENT (no such file or directory)`
        : `${why}: ENOENT: executable file not found in $PATH (${path})`,
      exitCode: NOT_FOUND,
    },
    label("command found"),
  ];
}

const GIVEN_ARGUMENTS = slot("arguments");
const GIVEN_ENVIRONMENT = slot("environment");

/** execve of args[0]: as it is when it has a slash, in the directories of the container's PATH when not. */
export const execute = (
  process: Process,
  { givenEnvironment, standalone }: Pick<Launch, "givenEnvironment" | "standalone">,
): Step[] => [
  ...(standalone?.args ? addArguments(process.args ?? [], GIVEN_ARGUMENTS) : []),
  ...(givenEnvironment ? takeEnvironment(process, standalone !== undefined) : []),
  ...tryCandidates(
    process,
    standalone?.args ? GIVEN_ARGUMENTS : strings(process.args ?? []),
    givenEnvironment ? GIVEN_ENVIRONMENT : strings(process.env ?? []),
  ),
];

/** hutch has put the container's environment together before; a file does that itself. */
const takeEnvironment = (process: Process, isStandalone: boolean): Step[] =>
  isStandalone
    ? addEnvironment(process.env ?? [], GIVEN_ENVIRONMENT)
    : [{ kind: "given", into: GIVEN_ENVIRONMENT, what: "environment" }];

function tryCandidates(process: Process, argv: Slot | Strings, envp: Slot | Strings): Step[] {
  const [command = ""] = process.args ?? [];
  const why = `execute ${command}`;
  if (command.includes("/")) {
    return [
      call(why, "execve", [command, argv, envp], {
        exitCode: CANNOT_EXECUTE,
        hints: HINTS,
        errors: { ENOENT: { to: "not found" }, ENOTDIR: { to: "not found" } },
      }),
      label("not found"),
      {
        kind: "fail",
        message: `${why}: ENOENT (no such file or directory); hint: ${HINTS.ENOENT}`,
        exitCode: NOT_FOUND,
      },
    ];
  }
  const { path, candidates } = candidatesOf(process);
  const denied = slot("denied");
  const result = slot("result");
  return [
    // As execvp does, a file that may not be executed is remembered while the search goes on.
    ...candidates.flatMap((candidate, index) => [
      call(`execute ${candidate}`, "execve", [candidate, argv, envp], {
        into: result,
        exitCode: CANNOT_EXECUTE,
        hints: HINTS,
        errors: { ENOENT: "ignore", ENOTDIR: "ignore", EACCES: { to: `denied ${index}` } },
      }),
      branch(result, "lt", 0, `tried ${index}`),
      label(`denied ${index}`),
      set(denied, 1),
      label(`tried ${index}`),
    ]),
    branch(denied, "eq", 0, "not found"),
    { kind: "fail", message: `${why}: EACCES (permission denied)`, exitCode: CANNOT_EXECUTE },
    label("not found"),
    {
      kind: "fail",
      message: `${why}: ENOENT: executable file not found in $PATH (${path})`,
      exitCode: NOT_FOUND,
    },
  ];
}
