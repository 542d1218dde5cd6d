/** hutch list: all containers. */
import { states, table } from "../container/list.ts";
import { ids } from "../container/store.ts";
import { formatOf } from "./format.ts";
import type { Globals } from "./globals.ts";
import { type Command, has, readOptions, usageError } from "./option.ts";
import { print, warn } from "./output.ts";

export const command: Command = {
  name: "list",
  summary: "list the containers that were created",
  usage: "[OPTIONS]",
  options: [
    { name: "format", short: "f", value: "table|json", help: "table when absent" },
    { name: "quiet", short: "q", help: "their ids alone" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch list", "as a table"],
    ["hutch list -q", "one id a line"],
  ],
};

export function run(argv: readonly string[], { root }: Globals): void {
  const given = readOptions(command, argv);
  if (given.words.length > 0)
    throw usageError("list", `expected no words, received ${given.words.join(" ")}`);
  const format = formatOf(given);
  print(has(given, "quiet") ? quiet(root) : format === "json" ? json(root) : table(states(root, warn)));
}

const quiet = (root: string): string =>
  ids(root)
    .map((id) => `${id}\n`)
    .join("");

const json = (root: string): string => `${JSON.stringify(states(root, warn))}\n`;
