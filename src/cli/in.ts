/** hutch in: a container from one line. */
import { launch } from "../container/launch.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import { call } from "../host/syscall.ts";
import type { Given } from "../options/given.ts";
import { environmentOf } from "../options/in-environment.ts";
import { IN_OPTIONS } from "../options/in-options.ts";
import type { InWish } from "../options/in-plan.ts";
import { noteArguments } from "../plan/note-arguments.ts";
import { EXIT_CODES_WITH_TIMEOUT } from "./exit-codes.ts";
import { type Command, readOptions } from "./option.ts";
import { warn } from "./output.ts";
import { reportOf } from "./report-option.ts";

export const command: Command = {
  name: "in",
  summary: "run a command in a container made from a directory, or from the host's own files",
  usage: "[OPTIONS] WHERE [--] COMMAND [ARGUMENT…]",
  options: IN_OPTIONS,
  stopsAtWord: true,
  examples: [
    ["hutch in / -- sh", "a shell that sees the host's files, read-only, and nothing else of the host"],
    ["hutch in ./rootfs cat /etc/os-release", "the root is a directory"],
    ["hutch in --overlay / -- touch /etc/try", "writes go to a layer that is thrown away"],
    [
      "hutch in --overlay=./layer --share net / -- apt-get install -y cowsay",
      "keep the layer, install into it",
    ],
    ["hutch in --overlay=./layer / -- /usr/games/cowsay hi", "use what was installed"],
    [
      "hutch in --memory 64m --pids 20 --cap-drop all ./rootfs /bin/server",
      "limits, and no privilege at all",
    ],
    ["hutch in -t --init / -- bash", "an interactive shell on a terminal of its own"],
  ],
  notes: [
    "Options stand before WHERE; everything after it is the command. Of an option that is not repeatable the last " +
      "value counts. The container has its own pid, mount, network, ipc, uts and cgroup namespace (and user namespace when the caller is not root), a filter of system calls, and " +
      "cannot gain privileges. With WHERE / it has a /run and a /tmp of its own: the sockets there lead to the host.",
    "Without --init the command is pid 1, and the kernel keeps signals that it does not handle away from it: ^C and " +
      "SIGTERM then do nothing.",
    EXIT_CODES_WITH_TIMEOUT,
  ],
};

/** Plans the container; loaded only when it is not known already. */
async function plan(wish: InWish, look: Look): Promise<Planned> {
  const { planIn } = await import("../options/in-plan.ts");
  return planIn(wish, look);
}

/** All but the name of the report, which is an argument of the program. */
const wordsOf = ({ values, words }: Given, argv: readonly string[]): readonly string[] =>
  values.has("report")
    ? [JSON.stringify([...values].map(([name, list]) => (name === "report" ? name : [name, list]))), ...words]
    : argv;

/** Becomes the container's launcher. */
export function run(argv: readonly string[]): Promise<never> {
  const given = readOptions(command, argv);
  const environment = environmentOf(given, process.env);
  const path = environment.find((entry) => entry.startsWith("PATH=")) ?? "";
  const report = reportOf(given);
  // The time too: what a hutch that was killed has left must not be in the way when its number comes again.
  const id = `${call("ask for the process id", "getpid")}-${Date.now().toString(36)}`;
  return launch({
    words: ["in", path, ...wordsOf(given, argv)],
    id,
    environment,
    preserveFds: 0,
    warn,
    plan: (look) => plan({ given, environment, id }, look),
    prepare: () => noteArguments(report === undefined ? {} : { report }),
  });
}
