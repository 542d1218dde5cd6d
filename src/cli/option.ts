/**
 * Reading a command line by a table. Options come as `--name value`, `--name=value`, `-n value` and, as
 * runc's callers write them, `-name`; a `--` ends them.
 */
import type { HutchError } from "../linux/error.ts";
import { type Given, type Option, usageError } from "../options/given.ts";
import { nearest } from "../options/nearest.ts";

export { all, type Given, has, last, type Option, usageError } from "../options/given.ts";

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows the options, for help: "WHERE [COMMAND [ARGUMENT…]]". */
  readonly usage: string;
  readonly options: readonly Option[];
  /**
   * The first word that is no option ends the options (the rest is a command); else options may stand
   * anywhere.
   */
  readonly stopsAtWord: boolean;
  /** Lines of [command line, what it does]. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Paragraphs after the options. */
  readonly notes?: readonly string[];
}

const findOption = (options: readonly Option[], name: string, dashes: string): Option | undefined =>
  options.find((option) => option.name === name || (dashes === "-" && option.short === name));

function unknownOption(command: Command, text: string, name: string): HutchError {
  const near = nearest(name, [...command.options.map((option) => option.name), "help"]);
  return usageError(
    command.name,
    `unknown option ${text}`,
    near === undefined ? undefined : `did you mean --${near}?`,
  );
}

/**
 * Reads the words after the command's name; throws a HutchError that names the word it does not
 * understand.
 */
export function readOptions(command: Command, argv: readonly string[]): Given {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  const give = (option: Option, value: string): void => {
    const list = values.get(option.name);
    if (list === undefined) values.set(option.name, [value]);
    else list.push(value);
  };
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    index += 1;
    if (word === "--") {
      words.push(...argv.slice(index));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      if (!command.stopsAtWord) continue;
      const rest = argv.slice(index);
      // `hutch in / -- sh` and `hutch in / sh` are the same; a second "--" belongs to the command.
      words.push(...(rest[0] === "--" ? rest.slice(1) : rest));
      break;
    }
    const dashes = word.startsWith("--") ? "--" : "-";
    const equals = word.indexOf("=");
    const name = word.slice(dashes.length, equals < 0 ? undefined : equals);
    const option = findOption(command.options, name, dashes);
    if (option === undefined) throw unknownOption(command, word, name);
    if (option.value === undefined) {
      if (equals >= 0) throw usageError(command.name, `--${option.name} takes no value, received ${word}`);
      give(option, "");
    } else if (equals >= 0) give(option, word.slice(equals + 1));
    else if (option.optional) give(option, "");
    else {
      const value = argv[index];
      if (value === undefined) throw usageError(command.name, `${word} needs a value: ${option.value}`);
      index += 1;
      give(option, value);
    }
  }
  return { command: command.name, values, words };
}
