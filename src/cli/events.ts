/** hutch events: what a container uses. */
import { follow, requireCgroup, statsLine } from "../container/events.ts";
import { load, requireStatus } from "../container/state.ts";
import { parseSeconds } from "../options/value.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, has, last, readOptions } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "events",
  summary: "print what a container uses, and when memory runs out, as lines of JSON",
  usage: "[OPTIONS] ID",
  options: [
    { name: "interval", value: "TIME", help: "the time between two lines: 5s when absent" },
    { name: "stats", help: "print one line, and end" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch events --stats box", "what it uses now"],
    ["hutch events --interval 1s box", "a line each second, until it has ended"],
  ],
};

const DEFAULT_INTERVAL = "5s";
const SECOND_MS = 1000;

export function run(argv: readonly string[], { root }: Globals): void {
  const given = readOptions(command, argv);
  const interval = parseSeconds("interval", last(given, "interval") ?? DEFAULT_INTERVAL) * SECOND_MS;
  const container = load(root, oneId(given));
  requireStatus(container, "events of", "created", "running", "paused");
  requireCgroup(container);
  if (has(given, "stats")) print(statsLine(container));
  else follow(container, interval, print);
}
