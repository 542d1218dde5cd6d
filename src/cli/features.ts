/** hutch features: what hutch can do, as JSON (OCI features.md). */
import { features } from "../container/features.ts";
import { hostArch } from "../host/libc.ts";
import { type Command, readOptions, usageError } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "features",
  summary: "print what hutch supports, as JSON for engines",
  usage: "",
  options: [],
  stopsAtWord: false,
  examples: [["hutch features", "what it knows of the OCI runtime specification"]],
};

export function run(argv: readonly string[]): void {
  const { words } = readOptions(command, argv);
  if (words.length > 0) throw usageError("features", `expected nothing, received ${words.join(" ")}`);
  print(`${JSON.stringify(features(hostArch()), null, 2)}\n`);
}
