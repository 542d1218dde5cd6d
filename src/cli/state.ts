/** hutch state: what the specification says that a runtime tells of a container, as JSON. */
import { load, stateJson } from "../container/state.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, readOptions } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "state",
  summary: "print the state of a container as JSON",
  usage: "ID",
  options: [],
  stopsAtWord: false,
  examples: [["hutch state box", "its status, pid and bundle"]],
};

export function run(argv: readonly string[], { root }: Globals): void {
  const container = load(root, oneId(readOptions(command, argv)));
  print(`${JSON.stringify(stateJson(container), null, 2)}\n`);
}
