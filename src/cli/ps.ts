/** hutch ps: the processes of a container, by their numbers on the host. */
import { members } from "../container/members.ts";
import { chooseFromPs, table } from "../container/ps.ts";
import { load, requireStatus } from "../container/state.ts";
import { formatOf } from "./format.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, readOptions } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "ps",
  summary: "list the processes of a container",
  usage: "[OPTIONS] ID [ARGUMENT…]",
  options: [{ name: "format", short: "f", value: "table|json", help: "table when absent" }],
  // What follows the ID is for ps, options and all.
  stopsAtWord: true,
  examples: [
    ["hutch ps box", "as a table"],
    ["hutch ps --format json box", "the process ids alone"],
    ["hutch ps box -o pid,args", "the arguments are those of ps(1)"],
  ],
};

export function run(argv: readonly string[], { root }: Globals): void {
  const given = readOptions(command, argv);
  const format = formatOf(given);
  const [id, ...args] = given.words;
  const container = load(root, oneId({ ...given, words: id === undefined ? [] : [id] }));
  requireStatus(container, "ps", "created", "running", "paused", "stopped");
  const processes = members(container.record);
  const pids = processes.map(({ pid }) => pid);
  if (format === "json") print(`${JSON.stringify(pids)}\n`);
  else print(args.length === 0 ? table(processes) : chooseFromPs(args, new Set(pids)));
}
