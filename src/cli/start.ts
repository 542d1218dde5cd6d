/** hutch start: runs the program of a container that was created. */
import { start } from "../container/start.ts";
import { load } from "../container/state.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, readOptions } from "./option.ts";
import { warn } from "./output.ts";

export const command: Command = {
  name: "start",
  summary: "run the program of a container that was created",
  usage: "ID",
  options: [],
  stopsAtWord: false,
  examples: [["hutch start box", "after hutch create box"]],
};

export async function run(argv: readonly string[], globals: Globals): Promise<void> {
  await start(load(globals.root, oneId(readOptions(command, argv))), warn);
}
