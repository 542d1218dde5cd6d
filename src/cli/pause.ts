/** hutch pause: no process of the container goes on until resume. */
import { pause } from "../container/freezer.ts";
import { load, requireStatus } from "../container/state.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, readOptions } from "./option.ts";

export const command: Command = {
  name: "pause",
  summary: "stop all processes of a container where they are",
  usage: "ID",
  options: [],
  stopsAtWord: false,
  examples: [["hutch pause box && hutch resume box", "stop them, and let them go on"]],
};

export function run(argv: readonly string[], { root }: Globals): Promise<void> {
  const container = load(root, oneId(readOptions(command, argv)));
  requireStatus(container, "pause", "created", "running");
  return pause(container.id, container.record.cgroups);
}
