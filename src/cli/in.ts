/** hutch in: a container from one line. */
import { launch, PROGRAM_DESCRIPTOR } from "../container/launch.ts";
import { planFor } from "../container/plan.ts";
import { parseSpec } from "../spec/parse.ts";
import { EXIT_CODES, IN_OPTIONS } from "./in-options.ts";
import { readIn } from "./in-spec.ts";
import { type Command, readOptions } from "./option.ts";
import { surroundings } from "./surroundings.ts";

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
    "Options stand before WHERE; everything after it is the command. The container has its own pid, mount, network, " +
      "ipc, uts and cgroup namespace (and user namespace when the caller is not root), a filter of system calls, and " +
      "cannot gain privileges. With WHERE / it has a /run and a /tmp of its own: the sockets there lead to the host.",
    EXIT_CODES,
  ],
};

/** Becomes the container's launcher. */
export async function run(argv: readonly string[]): Promise<never> {
  const given = readOptions(command, argv);
  const around = await surroundings(given);
  const wanted = readIn(given, around);
  const spec = parseSpec(wanted.spec, { name: "in" });
  const wishes = { ...wanted.launch, executable: PROGRAM_DESCRIPTOR };
  return launch(await planFor(spec, around.host, wishes), around.host, wishes.id);
}
