/** hutch delete: what is left of a container goes. */
import { deleteForced, deleteStopped } from "../container/delete.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, has, readOptions } from "./option.ts";
import { warn } from "./output.ts";

export const command: Command = {
  name: "delete",
  summary: "remove what is left of a container that has stopped",
  usage: "[--force] ID",
  options: [
    { name: "force", short: "f", help: "end it first when it runs; no error when there is none of this id" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch delete box", "after it has stopped"],
    ["hutch delete --force box", "in whatever state, also a half-made one"],
  ],
};

export async function run(argv: readonly string[], { root }: Globals): Promise<void> {
  const given = readOptions(command, argv);
  const remove = has(given, "force") ? deleteForced : deleteStopped;
  await remove(root, oneId(given), warn);
}
