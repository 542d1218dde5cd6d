/** Numbers on a command line; apart from other values, because `run` needs nothing else. */
import { HutchError } from "../linux/error.ts";

/** Throws the error of an option with a value that is not what it takes. */
export const refuse = (option: string, text: string, expected: string): never => {
  throw new HutchError({ operation: `--${option} ${text}`, reason: `expected ${expected}` });
};

/** A whole number of at least `least`. */
export function parseWhole(option: string, text: string, least = 0): number {
  const number = /^\d+$/.test(text) ? Number(text) : -1;
  return Number.isSafeInteger(number) && number >= least
    ? number
    : refuse(option, text, `a whole number of at least ${least}`);
}
