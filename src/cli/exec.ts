/** hutch exec: a process more in a running container. */
import { detectCgroups } from "../cgroup/detect.ts";
import { checkPreserved, type Exec, execDetached, execInForeground } from "../container/exec.ts";
import { gatherHost } from "../container/host.ts";
import { cgroupsToEnter, namespacesOf, openInit } from "../container/joining.ts";
import { compileFilter, PLAIN } from "../container/plan.ts";
import { type Container, load, requireStatus } from "../container/state.ts";
import { readTextIfExists } from "../host/fd.ts";
import { look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import { makeContext } from "../plan/context.ts";
import { planJoiner } from "../plan/joiner.ts";
import { changeProcess } from "../spec/exec.ts";
import { parseJson } from "../spec/json.ts";
import { parseProcess, parseSpecText } from "../spec/parse.ts";
import type { Process, Spec } from "../spec/spec.ts";
import { refuseUnsupportedProcess } from "../spec/supported.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import type { Globals } from "./globals.ts";
import { parseWhole } from "./number.ts";
import { all, type Command, type Given, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";
import { parseCapability, parseUser } from "./value.ts";

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

/** The configuration of the container, which also says what its namespaces and its filter are. */
function specOf({ id, record }: Container): Spec {
  const path = `${record.bundle}/config.json`;
  const text = readTextIfExists(path);
  if (text === undefined) {
    throw new HutchError({
      operation: `exec in ${id}: read ${path}`,
      errno: "ENOENT",
      hint: "the bundle is gone",
    });
  }
  const spec = parseSpecText(text);
  return { ...spec, root: { ...spec.root, path: record.rootfs } };
}

function processFrom(path: string): Process {
  const text = readTextIfExists(path);
  if (text === undefined) throw new HutchError({ operation: `--process ${path}`, errno: "ENOENT" });
  return parseProcess(parseJson(text, path), { name: path, warn });
}

const environment = (given: Given): readonly string[] => {
  for (const entry of all(given, "env")) {
    if (entry.indexOf("=") < 1) throw usageError("exec", `--env ${entry}: expected NAME=VALUE`);
  }
  return all(given, "env");
};

/** The process that is asked for: the file's, or the container's own with the options' changes. */
function processOf(given: Given, spec: Spec, args: readonly string[]): Process {
  const file = last(given, "process");
  if (file !== undefined) return processFrom(file);
  if (args.length === 0) throw usageError("exec", "expected a COMMAND, or --process");
  const user = last(given, "user");
  const changed = changeProcess(spec.process ?? { cwd: "/" }, {
    args,
    terminal: has(given, "tty"),
    cwd: last(given, "cwd"),
    env: environment(given),
    user: user === undefined ? undefined : parseUser("user", user),
    groups: all(given, "additional-gids")
      .flatMap((text) => text.split(","))
      .map((text) => parseWhole("additional-gids", text)),
    capabilities: all(given, "cap").flatMap((text) => parseCapability("cap", text)),
    apparmorProfile: last(given, "apparmor"),
    selinuxLabel: last(given, "process-label"),
    noNewPrivileges: has(given, "no-new-privs"),
  });
  return parseProcess(changed, { name: "exec" });
}

/** Where a terminal goes to must be clear before anything is done. */
function checkConsole(given: Given, { terminal = false }: Process): void {
  const detached = has(given, "detach");
  const socket = last(given, "console-socket");
  if (terminal && detached && socket === undefined) {
    throw usageError("exec", "a terminal of a detached command needs --console-socket");
  }
  if (socket !== undefined && !detached) throw usageError("exec", "--console-socket needs --detach");
}

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

function cgroupsOf({ record }: Container, given: Given) {
  const pid = record.init?.pid;
  const mounts = look("cgroupMounts") ?? "";
  const { unified } = detectCgroups(mounts, readTextIfExists(`/proc/${pid}/cgroup`) ?? "");
  const { hierarchies } = detectCgroups(mounts, look("cgroups") ?? "");
  return cgroupsToEnter(record.cgroups, all(given, "cgroup"), hierarchies, unified?.own);
}

/** Plans the joiner; all that can be refused is refused here. */
async function planExec(container: Container, given: Given, args: readonly string[]): Promise<Exec> {
  const { id, record } = container;
  const preserveFds = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  checkPreserved(preserveFds);
  const init = requireRunning(container, has(given, "ignore-paused"));
  const own = specOf(container);
  const process = processOf(given, own, args);
  refuseUnsupportedProcess(process);
  checkConsole(given, process);
  const host = gatherHost(look);
  const spec = { ...own, process };
  const filter = await compileFilter(spec, host);
  const context = makeContext(spec, host, { ...PLAIN, id: () => id, preserveFds, filter }, undefined);
  const pidfdSocket = last(given, "pidfd-socket");
  const plan = planJoiner(context, process, {
    namespaces: namespacesOf(record.init?.pid ?? 0),
    ...cgroupsOf(container, given),
    detached: has(given, "detach"),
    pidFile: last(given, "pid-file"),
    sendsPidfd: pidfdSocket !== undefined,
  });
  return { id, plan, init, preserveFds, pidfdSocket };
}

export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  const given = readOptions(command, argv);
  const [id, ...args] = given.words;
  if (id === undefined) throw usageError("exec", "expected the container's ID and a COMMAND");
  const exec = await planExec(load(globals.root, id), given, args);
  if (!has(given, "detach")) return execInForeground(exec);
  await execDetached(exec, {
    pidFile: last(given, "pid-file"),
    consoleSocket: last(given, "console-socket"),
  });
}
