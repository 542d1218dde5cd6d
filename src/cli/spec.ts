/** hutch spec: a config.json to begin with. */
import { effectiveGroup, effectiveUser } from "../host/facts.ts";
import { writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { defaultSpec, rootlessSpec } from "../spec/default.ts";
import { type Command, has, last, readOptions, usageError } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = {
  name: "spec",
  summary: "write a default config.json, as runc spec does",
  usage: "[OPTIONS]",
  options: [
    {
      name: "bundle",
      short: "b",
      value: "DIR",
      help: "where to write it; the current directory when absent",
    },
    { name: "rootless", help: "for an ordinary user: with a user namespace of one id" },
    { name: "force", short: "f", help: "replace a config.json that is there" },
  ],
  stopsAtWord: false,
  examples: [["hutch spec && hutch explain --bundle .", "write the file, and see what it means"]],
};

export function run(argv: readonly string[]): void {
  const given = readOptions(command, argv);
  const { words } = given;
  if (words.length > 0) throw usageError("spec", `expected only options, received ${words.join(" ")}`);
  const path = `${last(given, "bundle") ?? "."}/config.json`;
  if (fileKind(path) !== undefined && !has(given, "force")) {
    throw new HutchError({ operation: `write ${path}`, errno: "EEXIST", hint: "--force replaces it" });
  }
  const spec = has(given, "rootless") ? rootlessSpec(effectiveUser(), effectiveGroup()) : defaultSpec();
  writeFile(path, `${JSON.stringify(spec, null, 2)}\n`, { mode: 0o644 });
  print(`wrote ${path}\n`);
}
