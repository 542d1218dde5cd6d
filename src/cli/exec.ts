/** hutch exec: a process more in a running container. */
import { execDetached, execInForeground, preserveForExec } from "../container/exec.ts";
import { namespacesOf, openInit } from "../container/joining.ts";
import { keptDirectory } from "../container/kept.ts";
import { programOf } from "../container/program.ts";
import { type Container, load, requireStatus } from "../container/state.ts";
import { effectiveUser } from "../host/facts.ts";
import { readTextIfExists } from "../host/fd.ts";
import { HutchError } from "../linux/error.ts";
import { parseWhole } from "../options/number.ts";
import { FAILED_NAME, readFailed } from "../plan/failed-exec.ts";
import { joinerDescriptor } from "../plan/joiner-control.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import type { Globals } from "./globals.ts";
import { type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";

export const command: Command = {
  name: "exec",
  summary: "run a command in a running container",
  usage: "[OPTIONS] ID COMMAND [ARGUMENT…]",
  options: [
    {
      name: "process",
      short: "p",
      value: "FILE",
      help: "the process as JSON, instead of COMMAND and options",
    },
    { name: "detach", short: "d", help: "come back as soon as the command runs" },
    { name: "pid-file", value: "FILE", help: "write the pid of the command there" },
    {
      name: "console-socket",
      value: "PATH",
      help: "a unix socket that the terminal's descriptor is sent to",
    },
    { name: "pidfd-socket", value: "PATH", help: "a unix socket that a pidfd of the command is sent to" },
    { name: "preserve-fds", value: "N", help: "hand N descriptors after standard error on to the command" },
    { name: "cwd", value: "DIR", help: "the working directory in the container" },
    { name: "env", short: "e", value: "NAME=VALUE", help: "a variable more; may be repeated" },
    { name: "tty", short: "t", help: "a terminal of the container's" },
    { name: "user", short: "u", value: "UID[:GID]", help: "the user and group, by number" },
    { name: "additional-gids", short: "g", value: "GID", help: "a group more; may be repeated" },
    { name: "cap", short: "c", value: "CAP", help: "a capability more; may be repeated" },
    { name: "apparmor", value: "PROFILE", help: "the AppArmor profile of the command" },
    { name: "process-label", value: "LABEL", help: "the SELinux label of the command" },
    { name: "no-new-privs", help: "the command can gain no privileges" },
    { name: "cgroup", value: "[CONTROLLER,…:]PATH", help: "enter this cgroup below the container's" },
    { name: "ignore-paused", help: "go on when the container is paused: the command waits until it is not" },
  ],
  stopsAtWord: true,
  examples: [
    ["hutch exec -t box sh", "a shell in the container box"],
    ["hutch exec -u 1000 -e HOME=/home/app box env", "another user, with a variable more"],
  ],
  notes: [
    "User, environment, working directory, capabilities and limits are the container's own where no option says otherwise.",
    EXIT_CODES,
  ],
};

function requireRunning(container: Container, ignorePaused: boolean): number {
  const { id, status, record } = container;
  if (status === "paused" && !ignorePaused) {
    throw new HutchError({
      operation: `exec in ${id}`,
      reason: "container is paused",
      hint: `hutch resume ${id}, or --ignore-paused`,
    });
  }
  if (status === "created" || status === "creating") {
    throw new HutchError({
      operation: `exec in ${id}`,
      reason: `container not running, but ${status}`,
      hint: `hutch start ${id}`,
    });
  }
  requireStatus(container, "exec in", "running", "paused");
  if (record.init !== undefined) return openInit(id, record.init);
  throw new HutchError({ operation: `exec in ${id}`, reason: "container not running" });
}

/** Options whose values the program does not depend upon once hutch waits for it. */
const HANDED_OVER = ["pid-file", "console-socket", "pidfd-socket"];

/** All that the program is made from, besides what is looked up. */
function wordsFor(container: Container, given: Given, processText: string | undefined): string[] {
  const options = [...given.values].map(([name, values]) =>
    name === "process" || (HANDED_OVER.includes(name) && has(given, "detach")) ? [name] : [name, ...values],
  );
  const pid = container.record.init?.pid ?? 0;
  return [
    "exec",
    JSON.stringify([options, given.words, container.record]),
    `${processText}`,
    `${namespacesOf(pid, container.record.namespaces)}`,
    `${readTextIfExists(`/proc/${pid}/cgroup`)}`,
    `${readTextIfExists(`/proc/${pid}/setgroups`)}`,
  ];
}

function readProcess(given: Given): string | undefined {
  const path = last(given, "process");
  const text = path === undefined ? undefined : readTextIfExists(path);
  if (path === undefined || text !== undefined) return text;
  throw new HutchError({ operation: `--process ${path}`, errno: "ENOENT" });
}

export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  const given = readOptions(command, argv);
  const [id] = given.words;
  if (id === undefined) throw usageError("exec", "expected the container's ID and a COMMAND");
  const detached = has(given, "detach");
  const preserveFds = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  preserveForExec(preserveFds);
  const container = load(globals.root, id);
  const init = requireRunning(container, has(given, "ignore-paused"));
  const processText = readProcess(given);
  const program = await programOf({
    words: wordsFor(container, given, processText),
    report: detached
      ? { kind: "pipe", fd: joinerDescriptor(preserveFds, "report") }
      : { kind: "print", prefix: "hutch" },
    warn,
    plan: async (look, warnUser) => {
      const { planExec } = await import("./exec-plan.ts");
      const wish = { container, given, processText, preserveFds, look, warn: warnUser };
      return { plan: await planExec(wish), details: "", isLasting: true };
    },
  });
  const pidFile = last(given, "pid-file");
  const failed = readFailed(process.env[FAILED_NAME], process.pid);
  if (failed !== undefined) {
    const { failedExec } = await import("../container/failed-exec.ts");
    throw await failedExec(failed, { id, program, pidFile });
  }
  const exec = { id, program, init, preserveFds, pidfdSocket: last(given, "pidfd-socket") };
  const keep = async (): Promise<void> => {
    if (globals.debug || keptDirectory(process.env, effectiveUser()) === undefined) return;
    const { keepExec } = await import("./exec-keep.ts");
    keepExec(container, argv, given, processText, program);
  };
  if (!detached) {
    await keep();
    return execInForeground(exec);
  }
  await execDetached(exec, { pidFile, consoleSocket: last(given, "console-socket") });
  await keep();
}
