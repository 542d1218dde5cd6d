/**
 * `exec` without Bun: a joiner that was kept (see kept-joiner.ts) is executed when the words are the same,
 * and every look at the container, the caller and hutch itself shows what it showed then. What
 * container/exec.ts does with the program is done here: a sealed copy of it becomes the supervisor.
 */
import { AT_EMPTY_PATH, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { STATX_MODE, STATX_OFFSETS, STATX_UID } from "../linux/stat.ts";
import {
  branch,
  buffer,
  call,
  compute,
  jump,
  label,
  load,
  set,
  slot,
  store,
  strings,
  struct,
} from "./build.ts";
import { closeFile, DIRECTORY, FILE, INIT, PROGRAM } from "./entry-place.ts";
import {
  KEPT,
  STATUS,
  TEXT,
  USER,
  unlessAlive,
  unlessSameAnswers,
  unlessSameCaller,
  unlessSameHutch,
} from "./entry-unchanged.ts";
import { BUN, ID, LONGEST_ID, WORDS } from "./entry-words.ts";
import { HIGH } from "./joiner-control.ts";
import { AT, HASH, JOINER, JOINER_MAX, MARK } from "./kept-joiner.ts";
import { makeMemfd, sealMemfd } from "./memfd.ts";
import type { Slot, Step } from "./step.ts";
import { ifText, sameText } from "./text.ts";

const orElse = { otherwise: BUN } as const;
const code = (letter: string): number => letter.charCodeAt(0);

const count = slot("count");
const number = slot("number");
const byte = slot("byte of a text");
const other = slot("other text");

export const execKept = (): Step[] => [
  ...unlessOff(),
  call("ask who the caller is", "geteuid", [], { into: USER }),
  ...unlessOwn("directory", DIRECTORY),
  ...readKept(),
  ...unlessSameHutch(),
  ...unlessSameCaller(),
  set(TEXT, KEPT),
  compute(TEXT, TEXT, "add", AT.texts),
  ...unlessAlive(),
  ...unlessSameWords(),
  ...unlessSameAnswers(),
  ...makeProgram(),
  ...become(),
];

/** Who wants nothing to be kept wants nothing that was kept. */
const unlessOff = (): Step[] => [
  { kind: "given", into: number, what: "environment" },
  label("next variable"),
  load(other, number, 0, 8),
  branch(other, "eq", 0, "variables are read"),
  compute(number, number, "add", 8),
  ...ifText(other, "HUTCH_CACHE=off", true, BUN),
  jump("next variable"),
  label("variables are read"),
];

const OTHERS_MAY_WRITE = 0o022;

/** What is executed with the rights of the caller must be the caller's, and nobody else's to write. */
const unlessOwn = (what: string, file: Slot): Step[] => [
  call(
    `see whose the ${what} is`,
    "statx",
    [file, "", AT_EMPTY_PATH, STATX_UID | STATX_MODE, STATUS],
    orElse,
  ),
  load(number, STATUS, STATX_OFFSETS.stx_uid, 4),
  branch(number, "ne", USER, BUN),
  load(number, STATUS, STATX_OFFSETS.stx_mode, 2),
  branch(number, "any", OTHERS_MAY_WRITE, BUN),
];

const NAME = buffer("name of the kept joiner", 16);
const nameValue = [...JOINER].reduceRight((sum, letter) => (sum << 8n) | BigInt(code(letter)), 0n);
const hash = slot("hash");
const shifted = slot("hash × 32");
const word = slot("word");
const place = slot("place in the words");
const DIGIT_SHIFT = 56;

/** The name of the file, which the words choose; `count` is their number then. */
const nameKept = (): Step[] => [
  set(place, WORDS),
  set(hash, 0),
  set(count, 0),
  label("word to hash"),
  load(word, place, 0, 8),
  branch(word, "eq", 0, "words are hashed"),
  compute(place, place, "add", 8),
  compute(count, count, "add", 1),
  label("byte to hash"),
  load(byte, word, 0, 1),
  compute(shifted, hash, "shl", HASH.shift),
  compute(hash, shifted, "sub", hash),
  compute(hash, hash, "add", byte),
  compute(hash, hash, "and", HASH.mask),
  compute(word, word, "add", 1),
  branch(byte, "ne", 0, "byte to hash"),
  jump("word to hash"),
  label("words are hashed"),
  compute(hash, hash, "and", HASH.files),
  compute(hash, hash, "shl", DIGIT_SHIFT),
  compute(hash, hash, "add", nameValue),
  store(NAME, 0, 8, hash),
];

/** Reads the file; what is behind it in memory are zeros. */
function readKept(): Step[] {
  const why = "read the kept joiner";
  const size = slot("size of the kept joiner");
  return [
    ...nameKept(),
    call(why, "openat", [DIRECTORY, NAME, O_RDONLY | O_CLOEXEC, 0], { into: FILE, ...orElse }),
    ...unlessOwn("kept joiner", FILE),
    call(why, "read", [FILE, KEPT, KEPT.size], { into: size, ...orElse }),
    ...closeFile(why),
    branch(size, "lt", AT.texts, BUN),
    branch(size, "gt", JOINER_MAX, BUN),
    set(other, KEPT),
    ...ifText(other, MARK, false, "form is known"),
    jump(BUN),
    label("form is known"),
    load(number, KEPT, AT.words, 8),
    branch(number, "ne", count, BUN),
    load(number, KEPT, AT.program, 8),
    load(count, KEPT, AT.length, 8),
    compute(number, number, "add", count),
    branch(number, "ne", size, BUN),
  ];
}

/** Their number is the same. */
const unlessSameWords = (): Step[] => [
  set(place, WORDS),
  label("word to compare"),
  load(word, place, 0, 8),
  branch(word, "eq", 0, "words are the same"),
  compute(place, place, "add", 8),
  ...sameText("word", word, TEXT, BUN),
  jump("word to compare"),
  label("words are the same"),
];

const makeProgram = (): Step[] => [
  ...makeMemfd("make the program", PROGRAM, orElse),
  set(other, KEPT),
  load(number, KEPT, AT.program, 8),
  compute(other, other, "add", number),
  load(number, KEPT, AT.length, 8),
  call("write the program", "write", [PROGRAM, other, number], { into: count, ...orElse }),
  branch(count, "ne", number, BUN),
  ...sealMemfd("seal the program", PROGRAM, orElse),
];

const TITLE_START = "hutch-";
const TITLE = buffer("title", TITLE_START.length + LONGEST_ID + 8);

/** Its second argument, by which the program names the container. */
function writeTitle(): Step[] {
  const start = [...TITLE_START].reduceRight((sum, letter) => (sum << 8n) | BigInt(code(letter)), 0n);
  return [
    store(TITLE, 0, 8, start),
    set(word, ID),
    set(other, TITLE),
    compute(other, other, "add", TITLE_START.length),
    label("letter of the id"),
    load(byte, word, 0, 1),
    store(other, 0, 1, byte),
    compute(word, word, "add", 1),
    compute(other, other, "add", 1),
    branch(byte, "ne", 0, "letter of the id"),
  ];
}

/** As container/exec.ts does. */
function become(): Step[] {
  const why = "execute the kept joiner";
  const otherwise = "not executed";
  const argv = struct("argv", [
    ["argv[0]", 8, "hutch"],
    ["argv[1]", 8, TITLE],
    ["argv[2]", 8, 0],
  ]);
  return [
    ...writeTitle(),
    // Who hands on so many descriptors is left to Bun, which moves its own out of the way.
    branch(INIT, "ge", HIGH.program, BUN),
    branch(PROGRAM, "ge", HIGH.program, BUN),
    call(why, "dup3", [PROGRAM, HIGH.program, 0], { otherwise }),
    call(why, "dup3", [INIT, HIGH.init, 0], { otherwise }),
    call(why, "dup3", [INIT, HIGH.socket, 0], { otherwise }),
    call(why, "execveat", [HIGH.program, "", argv, strings([]), AT_EMPTY_PATH], { otherwise }),
    label(otherwise),
    call("leave nothing open", "close_range", [HIGH.program, HIGH.socket, 0], orElse),
    jump(BUN),
  ];
}
