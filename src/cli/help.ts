/** Help for a person: what a command is for, how it is written, what it takes, and lines to try. */
import { type ArgsDef, defineCommand, renderUsage } from "citty";
import { GLOBAL_OPTIONS } from "./globals.ts";
import type { Command, Option } from "./option.ts";

const WIDTH = 100;
/** A little more, because a description that just fits is easier to read than one cut in two. */
const TABLE_WIDTH = 120;

/** The commands that a person begins with are first; of so many an example is shown. */
const TRIED = 4;

/** Breaks a paragraph at words. */
function wrap(text: string, width = WIDTH): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [title, "", ...lines, ""];

const example = ([line, what]: readonly [string, string]): string => `  ${line}\n      ${what}`;

/** A value that may be left out, as getopt's manuals write it. */
const withOptional = (name: string, options: readonly Option[]): string => {
  const found = options.find((option) => option.optional && name.startsWith(`--${option.name}=`));
  return found === undefined ? name : `--${found.name}[=<${found.value}>]`;
};

function argument({ value, short, help }: Option): ArgsDef[string] {
  const alias = short === undefined ? {} : { alias: short };
  return value === undefined
    ? { type: "boolean", description: help, ...alias }
    : { type: "string", valueHint: value, description: help, ...alias };
}

/**
 * citty lays out the table of options; here its rows are aligned at the left, where the eye looks for
 * them.
 */
async function optionTable(options: readonly Option[]): Promise<string[]> {
  if (options.length === 0) return [];
  const args = Object.fromEntries(options.map((option) => [option.name, argument(option)]));
  const usage = Bun.stripANSI(await renderUsage(defineCommand({ meta: { name: "hutch" }, args })));
  const lines = usage.split("\n");
  const start = lines.findIndex((line) => line.trim() === "OPTIONS");
  const rows = lines.slice(start + 1).flatMap((line) => {
    const [, name = "", help = ""] = /^\s*(\S.*?)\s{2,}(\S.*?)\s*$/.exec(line) ?? [];
    const text = withOptional(name, options);
    return name === "" ? [] : [{ name: text.startsWith("--") ? `    ${text}` : text, help }];
  });
  const width = Math.max(...rows.map(({ name }) => name.length));
  const below = " ".repeat(width + 4);
  return rows.map(({ name, help }) => {
    const text = wrap(help, TABLE_WIDTH - below.length).replaceAll("\n", `\n${below}`);
    return `  ${name.padEnd(width)}  ${text}`;
  });
}

/** The help text of one command. */
export const commandHelp = async (command: Command): Promise<string> =>
  [
    `hutch ${command.name}: ${command.summary}`,
    "",
    ...section("USAGE", [`  hutch ${command.name} ${command.usage}`]),
    ...section("OPTIONS", await optionTable(command.options)),
    ...section("EXAMPLES", command.examples.map(example)),
    ...(command.notes ?? []).flatMap((note) => [wrap(note), ""]),
  ].join("\n");

/** The help text of hutch itself. */
export const overview = async (commands: readonly Command[]): Promise<string> =>
  [
    "hutch: a container runtime that turns a container into a list of system calls, and the list into a program",
    "",
    ...section("USAGE", ["  hutch [GLOBAL OPTIONS] COMMAND [OPTIONS]"]),
    ...section(
      "COMMANDS",
      commands.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`),
    ),
    ...section("GLOBAL OPTIONS", await optionTable(GLOBAL_OPTIONS)),
    ...section(
      "TRY",
      commands
        .slice(0, TRIED)
        .flatMap(({ examples }) => examples.slice(0, 1))
        .map(example),
    ),
    "hutch COMMAND --help says more; hutch --version says which hutch this is.",
    "",
  ].join("\n");
