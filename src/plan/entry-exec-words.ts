/**
 * The words behind `exec`, read as exec-key.ts does, which has to be changed together with this: the words that
 * the program depends upon are gathered in KEY, and the content of the process file behind them.
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { S_IFMT, S_IFREG, STATX_OFFSETS, STATX_SIZE_OF, STATX_TYPE } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import { closeFile, FILE } from "./entry-place.ts";
import { BUN, COMMAND, COMMANDS, ID, WORDS } from "./entry-words.ts";
import { DETACH, KEY_MAX, LEFT_OUT, PLAIN } from "./exec-key.ts";
import type { Step } from "./step.ts";
import { ifEmpty, ifText } from "./text.ts";

/** The key, and zeros: it is looked at in pieces of eight bytes. */
export const KEY = buffer("key", KEY_MAX + 9);
/** Where it ends; how long it is, and how long the words in it are. */
export const KEY_END = slot("end of the key");
export const KEY_LENGTH = slot("length of the key");
export const WORDS_LENGTH = slot("length of the words");

/** The addresses of the paths; 0 for an option that was not given. */
export const VALUES = {
  process: slot("--process"),
  pidFile: slot("--pid-file"),
  consoleSocket: slot("--console-socket"),
} as const;

/** 1 when it was given. */
export const DETACHED = slot("--detach");

const place = slot("place in the words");
const word = slot("word of exec");
const copied = slot("word to copy");
const limit = slot("limit of the key");
const letter = slot("letter of a word");

/** What the next word is. */
const state = slot("what the word is");
const OPTION = 0;
const VALUE = 1;
const FIRST_BEHIND_ID = 2;
const BEHIND_ID = 3;
/** All are read; the path of the pid file is copied. */
const LAST = 4;

const NEXT = "word of exec";
const COPY = "copy the word";
const HYPHEN = "-".charCodeAt(0);
const EQUALS = "=".charCodeAt(0);

/** Goes on behind when the words of `exec` are read, and all others. */
export const readExecWords = (): Step[] => [
  branch(COMMAND, "ne", COMMANDS.exec, "words of exec are read"),
  set(place, WORDS),
  set(KEY_END, KEY),
  compute(limit, KEY_END, "add", KEY_MAX),
  label(NEXT),
  load(word, place, 0, 8),
  branch(word, "eq", 0, "end of the words"),
  compute(place, place, "add", 8),
  set(copied, word),
  branch(state, "ge", FIRST_BEHIND_ID, "word behind the id"),
  branch(state, "eq", VALUE, "value of an option"),
  load(letter, word, 0, 1),
  branch(letter, "ne", HYPHEN, "id of exec"),
  ...ifText(word, "--", true, BUN),
  ...LEFT_OUT.flatMap(({ names }) => [
    ...names.flatMap((name) => ifText(word, name, true, `${names[0]} VALUE of exec`)),
    ...ifText(word, `${names[0]}=`, false, `${names[0]}=VALUE of exec`),
  ]),
  ...DETACH.flatMap((name) => ifText(word, name, true, "detach")),
  ...PLAIN.flatMap((name) => ifText(word, name, true, COPY)),
  ...unlessEquals(),
  set(state, VALUE),
  ...copyWord(),
  label("value of an option"),
  set(state, OPTION),
  jump(COPY),
  label("detach"),
  set(DETACHED, 1),
  jump(COPY),
  ...LEFT_OUT.flatMap(leaveOut),
  label("id of exec"),
  set(ID, word),
  set(state, FIRST_BEHIND_ID),
  jump(COPY),
  label("word behind the id"),
  set(state, BEHIND_ID),
  jump(COPY),
  ...endOfWords(),
  set(copied, KEY),
  compute(WORDS_LENGTH, KEY_END, "sub", copied),
  set(KEY_LENGTH, WORDS_LENGTH),
  label("words of exec are read"),
];

/** Copies the option with what stands behind its "=", if there is one. */
const unlessEquals = (): Step[] => [
  label("letter of an option"),
  load(letter, word, 0, 1),
  compute(word, word, "add", 1),
  branch(letter, "eq", EQUALS, COPY),
  branch(letter, "ne", 0, "letter of an option"),
];

/** The text at `copied` with its NUL; the next word follows. */
const copyWord = (): Step[] => [
  label(COPY),
  load(letter, copied, 0, 1),
  store(KEY_END, 0, 1, letter),
  compute(copied, copied, "add", 1),
  compute(KEY_END, KEY_END, "add", 1),
  branch(KEY_END, "ge", limit, BUN),
  branch(letter, "ne", 0, COPY),
  jump(NEXT),
];

/** Only the option is copied, and only one of a kind is understood. */
function leaveOut({ option, names: [name] }: (typeof LEFT_OUT)[number]): Step[] {
  const value = VALUES[option];
  return [
    label(`${name}=VALUE of exec`),
    branch(value, "ne", 0, BUN),
    compute(value, word, "add", name.length + 1),
    ...ifEmpty(value, BUN),
    set(copied, `${name}=`),
    jump(COPY),
    label(`${name} VALUE of exec`),
    branch(value, "ne", 0, BUN),
    load(value, place, 0, 8),
    branch(value, "eq", 0, BUN),
    compute(place, place, "add", 8),
    ...ifEmpty(value, BUN),
    jump(COPY),
  ];
}

/** There must be an id, and a command or a process file. */
const endOfWords = (): Step[] => [
  label("end of the words"),
  branch(state, "lt", FIRST_BEHIND_ID, BUN),
  branch(state, "ne", FIRST_BEHIND_ID, "there is a command"),
  branch(VALUES.process, "eq", 0, BUN),
  label("there is a command"),
  branch(state, "eq", LAST, "all words are copied"),
  branch(DETACHED, "ne", 0, "all words are copied"),
  branch(VALUES.pidFile, "eq", 0, "all words are copied"),
  set(state, LAST),
  set(copied, VALUES.pidFile),
  jump(COPY),
  label("all words are copied"),
];

const STATUS = buffer("status of the process file", STATX_SIZE_OF);

/** Adds the content of the process file. What is no plain file can perhaps be read only once: by Bun. */
export function readProcess(): Step[] {
  const why = "read the process file";
  const [kind, room] = [slot("kind of the process file"), slot("room in the key")];
  const length = slot("length of the process file");
  const orElse = { otherwise: BUN } as const;
  return [
    branch(VALUES.process, "eq", 0, "process file is read"),
    call(why, "statx", [AT_FDCWD, VALUES.process, 0, STATX_TYPE, STATUS], orElse),
    load(kind, STATUS, STATX_OFFSETS.stx_mode, 2),
    compute(kind, kind, "and", S_IFMT),
    branch(kind, "ne", S_IFREG, BUN),
    call(why, "openat", [AT_FDCWD, VALUES.process, O_RDONLY | O_CLOEXEC, 0], { into: FILE, ...orElse }),
    compute(room, limit, "sub", KEY_END),
    call(why, "read", [FILE, KEY_END, room], { into: length, ...orElse }),
    branch(length, "ge", room, BUN),
    ...closeFile(why),
    compute(KEY_LENGTH, KEY_LENGTH, "add", length),
    compute(KEY_END, KEY_END, "add", length),
    label("process file is read"),
  ];
}
