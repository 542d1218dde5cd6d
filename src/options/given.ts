/** Options by their names, whoever gives them: a command line, or a program that uses hutch as a library. */
import { HutchError } from "../linux/error.ts";

export interface Option {
  /** The long name without dashes. */
  readonly name: string;
  readonly short?: string;
  /** What the value is called in help; a switch when absent. */
  readonly value?: string;
  /** The value may be left out, and is only taken with "=". */
  readonly optional?: boolean;
  readonly help: string;
}

/**
 * What was given: each option's values in their order ("" for a switch), and the words that are no
 * options.
 */
export interface Given {
  /** The name of the command. */
  readonly command: string;
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
  /** A -- stood before the command: none of its words can be an option of ours. */
  readonly isEnded?: boolean;
  /** The option whose value is the word before them. */
  readonly before?: { readonly option: string; readonly value: string };
}

/** The error of a command line, with the way to help. */
export const usageError = (command: string, reason: string, hint?: string): HutchError =>
  new HutchError({
    operation: command,
    reason,
    hint: hint ?? `see hutch ${command === "hutch" ? "" : `${command} `}--help`,
  });

/** The last value of an option, as later ones win; undefined when it was not given. */
export const last = ({ values }: Given, name: string): string | undefined => values.get(name)?.at(-1);

/** All values of an option that may be repeated. */
export const all = ({ values }: Given, name: string): readonly string[] => values.get(name) ?? [];

export const has = ({ values }: Given, name: string): boolean => values.has(name);
