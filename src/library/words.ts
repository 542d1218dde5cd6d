/** Errors of the command line's options, in the words of a program that has given them as an object. */
import { HutchError } from "../linux/error.ts";
import { nameOf } from "./options.ts";

/** An option of the command line that the library has by another name, and the space behind it. */
const OPTION = /--([a-z][a-z-]*)/g;

const translate = (text: string): string =>
  text.replace(OPTION, (whole, option: string) => nameOf(option) ?? whole);

/** The library has no command to ask. */
const HELP = "see hutch ";

function translated(called: string, error: HutchError): HutchError {
  const { operation, errno, reason, hint, exitCode } = error;
  const own = translate(operation);
  return new HutchError({
    operation: own === operation ? operation : `${called}: ${own}`,
    errno,
    reason: reason === undefined ? undefined : translate(reason),
    hint: hint === undefined || hint.startsWith(HELP) ? undefined : translate(hint),
    exitCode,
    cause: error.cause,
  });
}

/** Does what reads the options of a function; a HutchError that it throws names them as the library does. */
export function inWords<Result>(called: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof HutchError ? translated(called, error) : error;
  }
}
