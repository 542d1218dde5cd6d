/**
 * Reading a command line by a table. Options come as `--name value`, `--name=value`, `-n value`, `-nvalue`,
 * `-ab` for `-a -b` and, as runc's callers write them, `-name`; a `--` ends them.
 */
import type { HutchError } from "../linux/error.ts";
import { type Given, type Option, usageError } from "../options/given.ts";
import { nearest } from "../options/nearest.ts";
import { familiar } from "./familiar.ts";

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

/**
 * The options of a word such as -tm64m, each as a word of its own: -t -m=64m (POSIX, Utility Syntax
 * Guidelines 5 and 6). Throws where the word, or a letter of it, is no option.
 */
function separate(command: Command, word: string): string[] {
  const words: string[] = [];
  for (let index = 1; index < word.length; index += 1) {
    const letter = word.charAt(index);
    const option = command.options.find(({ short }) => short === letter);
    if (option === undefined)
      throw unknownOption(command, word, index === 1 ? word.slice(1) : letter, letter);
    const value = word.slice(index + 1);
    if (option.value !== undefined && value !== "") return [...words, `-${letter}=${value}`];
    words.push(`-${letter}`);
  }
  return words;
}

function unknownOption(command: Command, text: string, name: string, letter = ""): HutchError {
  const habit = (word: string) => familiar(command.name, word);
  const near = nearest(name, [...command.options.map((option) => option.name), "help"]);
  const meant = near === undefined ? undefined : `did you mean --${near}?`;
  return usageError(command.name, `unknown option ${text}`, habit(name) ?? meant ?? habit(letter));
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
  let rest = argv;
  let before: Given["before"];
  let isEnded = false;
  while (rest.length > 0) {
    const [word = ""] = rest;
    rest = rest.slice(1);
    if (word === "--") {
      words.push(...rest);
      isEnded = true;
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      if (!command.stopsAtWord) continue;
      // `hutch in / -- sh` and `hutch in / sh` are the same; a second "--" belongs to the command.
      isEnded = rest[0] === "--";
      words.push(...(isEnded ? rest.slice(1) : rest));
      break;
    }
    before = undefined;
    const dashes = word.startsWith("--") ? "--" : "-";
    const equals = word.indexOf("=");
    const name = word.slice(dashes.length, equals < 0 ? undefined : equals);
    const option = findOption(command.options, name, dashes);
    if (option === undefined) {
      if (dashes === "--") throw unknownOption(command, word, name);
      rest = [...separate(command, word), ...rest];
    } else if (option.value === undefined) {
      if (equals >= 0) throw usageError(command.name, `--${option.name} takes no value, received ${word}`);
      give(option, "");
    } else if (equals >= 0) give(option, word.slice(equals + 1));
    else if (option.optional) give(option, "");
    else {
      const [value] = rest;
      if (value === undefined) throw usageError(command.name, `${word} needs a value: ${option.value}`);
      rest = rest.slice(1);
      give(option, value);
      before = { option: option.name, value };
    }
  }
  return {
    command: command.name,
    values,
    words,
    ...(isEnded ? { isEnded } : {}),
    ...(before === undefined ? {} : { before }),
  };
}
