/** hutch resume: what pause has stopped goes on. */
import { coldOf, resume } from "../container/freezer.ts";
import { load, requireStatus } from "../container/state.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, readOptions } from "./option.ts";

export const command: Command = {
  name: "resume",
  summary: "let the processes of a paused container go on",
  usage: "ID",
  options: [],
  stopsAtWord: false,
  examples: [["hutch resume box", "go on after hutch pause box"]],
};

export function run(argv: readonly string[], { root }: Globals): Promise<void> {
  const container = load(root, oneId(readOptions(command, argv)));
  // What a pause that was killed has left half done can be undone too.
  if (coldOf(container.record.cgroups) !== "freezing") requireStatus(container, "resume", "paused");
  return resume(container.id, container.record.cgroups);
}
