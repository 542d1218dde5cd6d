/** hutch kill: a signal for a container. */
import { kill, killAll } from "../container/kill.ts";
import { load } from "../container/state.ts";
import { signalNumber } from "../linux/signal.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, has, readOptions, usageError } from "./option.ts";

export const command: Command = {
  name: "kill",
  summary: "send a signal to a container's first process, or to all of its processes",
  usage: "[--all] ID [SIGNAL]",
  options: [
    { name: "all", short: "a", help: "to all processes of the container, also when the first has ended" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch kill box", "ask it to end: TERM"],
    ["hutch kill box KILL", "a name, with SIG or without, or a number"],
  ],
};

export function run(argv: readonly string[], { root }: Globals): Promise<void> | void {
  const given = readOptions(command, argv);
  const [id, signal = "TERM", ...more] = given.words;
  if (more.length > 0) throw usageError("kill", `expected ID and SIGNAL, received ${given.words.join(" ")}`);
  const number = signalNumber(signal);
  const container = load(root, oneId({ ...given, words: id === undefined ? [] : [id] }));
  const send = has(given, "all") ? killAll : kill;
  return send(container, number);
}
