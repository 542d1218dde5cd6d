/** hutch checkpoint: known, because engines ask for its help, and refused. */
import { HutchError } from "../linux/error.ts";
import type { Command } from "./option.ts";

export const command: Command = {
  name: "checkpoint",
  summary: "write a running container to files (not supported yet)",
  usage: "[OPTIONS] ID",
  options: [],
  stopsAtWord: false,
  examples: [],
  notes: ["hutch cannot do this yet: the command fails, and changes nothing."],
};

export function run(): never {
  throw new HutchError({ operation: "checkpoint", reason: "not supported yet" });
}
