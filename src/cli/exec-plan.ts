/** The plan of `hutch exec`; apart, because a program that was kept needs none. */
import { detectCgroups } from "../cgroup/detect.ts";
import { compileFilter } from "../container/filter.ts";
import { gatherHost } from "../container/host.ts";
import { cgroupsToEnter, namespacesOf } from "../container/joining.ts";
import { PLAIN } from "../container/plan.ts";
import type { Container } from "../container/state.ts";
import { readTextIfExists } from "../host/fd.ts";
import type { Look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import { parseWhole } from "../options/number.ts";
import { parseCapability, parseUser } from "../options/value.ts";
import { makeContext } from "../plan/context.ts";
import { planJoiner } from "../plan/joiner.ts";
import type { Plan } from "../plan/step.ts";
import { changeProcess } from "../spec/exec.ts";
import { parseJson } from "../spec/json.ts";
import { parseProcess, parseSpecText } from "../spec/parse.ts";
import type { Process, Spec } from "../spec/spec.ts";
import { all, type Given, has, last, usageError } from "./option.ts";

export interface ExecWish {
  readonly container: Container;
  readonly given: Given;
  /** The content of --process. */
  readonly processText: string | undefined;
  readonly preserveFds: number;
  readonly look: Look;
  readonly warn: (line: string) => void;
}

/** The configuration that the container was made by, which also says what its namespaces and filter are. */
function specOf({ id, record }: Container): Spec {
  if (record.config === undefined) {
    throw new HutchError({
      operation: `exec in ${id}`,
      reason: "its configuration was not written down",
      hint: "it was made by an older hutch",
    });
  }
  const spec = parseSpecText(record.config);
  return { ...spec, root: { ...spec.root, path: record.rootfs } };
}

const environment = (given: Given): readonly string[] => {
  for (const entry of all(given, "env")) {
    if (entry.indexOf("=") < 1) throw usageError("exec", `--env ${entry}: expected NAME=VALUE`);
  }
  return all(given, "env");
};

/** The process that is asked for: the file's, or the container's own with the options' changes. */
function processOf({ given, processText, warn }: ExecWish, spec: Spec): Process {
  const [, ...args] = given.words;
  if (processText !== undefined) {
    const name = last(given, "process") ?? "process.json";
    return parseProcess(parseJson(processText, name), { name, warn });
  }
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

/** The first process's membership is not looked up: the key of a kept program has it. */
function cgroupsOf({ container, given, look }: ExecWish) {
  const { record } = container;
  const mounts = look("cgroupMounts") ?? "";
  const { unified } = detectCgroups(mounts, readTextIfExists(`/proc/${record.init?.pid}/cgroup`) ?? "");
  const host = detectCgroups(mounts, look("cgroups") ?? "");
  return cgroupsToEnter(record.cgroups, all(given, "cgroup"), host, unified?.own);
}

/** "allow" or "deny"; the key of a kept program has it, too. */
const setgroupsOf = ({ record }: Container): string | undefined =>
  readTextIfExists(`/proc/${record.init?.pid}/setgroups`)?.trim();

/** Plans the joiner; all that can be refused is refused here. */
export async function planExec(wish: ExecWish): Promise<Plan> {
  const { container, given, preserveFds, look } = wish;
  const own = specOf(container);
  const process = processOf(wish, own);
  checkConsole(given, process);
  const host = gatherHost(look);
  const spec = { ...own, process };
  const filter = await compileFilter(spec, host);
  const deniesGroups = setgroupsOf(container) === "deny";
  const launch = { ...PLAIN, id: () => container.id, preserveFds, filter, deniesGroups };
  return planJoiner(makeContext(spec, host, launch, undefined), process, {
    namespaces: namespacesOf(container.record.init?.pid ?? 0, container.record.namespaces),
    ...cgroupsOf(wish),
    detached: has(given, "detach"),
    pidFile: last(given, "pid-file"),
    sendsPidfd: has(given, "pidfd-socket"),
  });
}
