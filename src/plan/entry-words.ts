/**
 * The command line as the entry program reads it: the options before the command that engines write, and then
 * `start ID`, `delete ID`, `delete --force ID` or `exec`, whose words entry-exec-words.ts reads. It knows less
 * than cli/globals.ts, and judges nothing: what it does not know is left to Bun.
 */
import { branch, compute, jump, label, load, set, slot } from "./build.ts";
import type { Slot, Step } from "./step.ts";
import { ifEmpty, ifText, unlessAscii, unlessId } from "./text.ts";

/** Where the plan goes on with all that the entry program does not do. */
export const BUN = "leave it to Bun";

/** The addresses of texts; 0 for an option that was not given. */
export const ID = slot("id");
export const ROOT_OPTION = slot("--root");

/** 1 when it was given. */
export const FORCE = slot("--force");

/** Which command it is. */
export const COMMAND = slot("command");
export const COMMANDS = { start: 1, delete: 2, exec: 3 } as const;

/** The address of the words behind `exec`: an array as of Strings. */
export const WORDS = slot("words");

export const LONGEST_ID = 240;

const place = slot("place in the arguments");
const word = slot("word");
const log = slot("--log");
const format = slot("--log-format");
const debug = slot("--debug");
const systemd = slot("--systemd-cgroup");

const OPTIONS: readonly (readonly [name: string, value: Slot])[] = [
  ["--root", ROOT_OPTION],
  ["--log", log],
  ["--log-format", format],
];

const take = (): Step[] => [compute(place, place, "add", 8), load(word, place, 0, 8)];

/** The next word, which must be there. */
const need = (): Step[] => [...take(), branch(word, "eq", 0, BUN)];

/** An option with its value in the same word, or in the next. */
function readOption(name: string, value: Slot): Step[] {
  const [same, next, other] = [`${name}=VALUE`, `${name} VALUE`, `not ${name}`];
  return [
    ...ifText(word, `${name}=`, false, same),
    ...ifText(word, name, true, next),
    jump(other),
    label(same),
    compute(value, word, "add", name.length + 1),
    ...ifEmpty(value, BUN),
    jump("option"),
    label(next),
    ...need(),
    set(value, word),
    ...ifEmpty(value, BUN),
    jump("option"),
    label(other),
  ];
}

/** Reads the words; goes on behind when they are all understood. The id is to be checked then (checkId). */
export const readWords = (): Step[] => [
  { kind: "given", into: place, what: "arguments" },
  label("option"),
  ...need(),
  ...OPTIONS.flatMap(([name, value]) => readOption(name, value)),
  ...ifText(word, "--debug", true, "read --debug"),
  ...ifText(word, "--systemd-cgroup", true, "read --systemd-cgroup"),
  set(COMMAND, COMMANDS.start),
  ...ifText(word, "start", true, "read the id"),
  set(COMMAND, COMMANDS.delete),
  ...ifText(word, "delete", true, "read delete"),
  set(COMMAND, COMMANDS.exec),
  ...ifText(word, "exec", true, "read exec"),
  jump(BUN),
  // Without a meaning for what is done at once.
  label("read --debug"),
  set(debug, 1),
  jump("option"),
  // It says who makes cgroups, and `exec` finds them made.
  label("read --systemd-cgroup"),
  set(systemd, 1),
  jump("option"),
  label("read exec"),
  branch(debug, "ne", 0, BUN),
  ...need(),
  set(WORDS, place),
  jump("check the values"),
  label("read delete"),
  ...need(),
  ...ifText(word, "--force", true, "read --force"),
  ...ifText(word, "-f", true, "read --force"),
  jump("check the words"),
  label("read --force"),
  set(FORCE, 1),
  label("read the id"),
  ...need(),
  label("check the words"),
  branch(systemd, "ne", 0, BUN),
  set(ID, word),
  ...take(),
  branch(word, "ne", 0, BUN),
  label("check the values"),
  ...checkValues(),
];

/** What is no id is left to Bun. */
export const checkId = (): Step[] => unlessId(ID, LONGEST_ID, BUN);

/** Bun refuses a command line that is not UTF-8, and unknown formats; whoever writes one is to hear of it. */
const checkValues = (): Step[] => [
  branch(ROOT_OPTION, "eq", 0, "check --log"),
  ...unlessAscii("--root", ROOT_OPTION, BUN),
  label("check --log"),
  branch(log, "eq", 0, "check --log-format"),
  ...unlessAscii("--log", log, BUN),
  label("check --log-format"),
  branch(format, "eq", 0, "words are understood"),
  ...ifText(format, "text", true, "words are understood"),
  ...ifText(format, "json", true, "words are understood"),
  jump(BUN),
  label("words are understood"),
];
