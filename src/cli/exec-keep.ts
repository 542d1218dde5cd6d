/**
 * Keeping the program of an `exec` for the entry program, which does the same one itself the next time; apart,
 * because it is done once.
 */
import { keepJoiner } from "../container/keep-joiner.ts";
import type { Program } from "../container/program.ts";
import type { Container } from "../container/state.ts";
import { type ExecWords, execKey, readExecWords } from "../plan/exec-key.ts";
import { type Given, has, last } from "./option.ts";

/** Options that the entry program does not know how to obey: it opens no socket for a pidfd, for one. */
const OWN = ["preserve-fds", "pidfd-socket"];

const isSame = (one: readonly string[], two: readonly string[]): boolean =>
  one.length === two.length && one.every((word, index) => word === two[index]);

/** As cli/option.ts gives them, which leaves a "--" behind the first one out. */
const withoutDashes = ([id = "", ...command]: readonly string[]): readonly string[] =>
  command[0] === "--" ? [id, ...command.slice(1)] : [id, ...command];

/** True when the entry program reads the words as they were read here. */
export const isUnderstood = (words: ExecWords, given: Given): boolean =>
  isSame(withoutDashes(words.words), given.words) &&
  words.detached === has(given, "detach") &&
  words.process === last(given, "process") &&
  words.pidFile === last(given, "pid-file") &&
  words.consoleSocket === last(given, "console-socket") &&
  !OWN.some((name) => has(given, name));

/** `argv` is what stands behind `exec`. */
export function keepExec(
  container: Container,
  argv: readonly string[],
  given: Given,
  processText: string | undefined,
  program: Program,
): void {
  const words = readExecWords(argv);
  if (words === undefined || !isUnderstood(words, given)) return;
  const key = execKey(words, processText);
  if (key !== undefined) keepJoiner(container, key, program);
}
