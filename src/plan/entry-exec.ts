/**
 * `exec` without Bun: a joiner that was kept (see kept-joiner.ts) is executed when the words and the process
 * file are the same, and every look at the container, the caller and hutch itself shows what it showed
 * then. What container/exec.ts does with the program is done here: a sealed copy of it becomes the
 * supervisor, or is started beside (see entry-detach.ts).
 */
import { AT_EMPTY_PATH, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { STATX_MODE, STATX_OFFSETS, STATX_UID } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store, strings } from "./build.ts";
import { detach } from "./entry-detach.ts";
import { DETACHED, KEY, KEY_END, KEY_LENGTH, readProcess, WORDS_LENGTH } from "./entry-exec-words.ts";
import { closeFile, DIRECTORY, FILE, INIT, PROGRAM } from "./entry-place.ts";
import { ARGV, writeTitle } from "./entry-title.ts";
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
import { BUN } from "./entry-words.ts";
import { HASH } from "./exec-key.ts";
import { HIGH } from "./joiner-control.ts";
import { AT, FILES, JOINER, JOINER_MAX, MARK } from "./kept-joiner.ts";
import { makeMemfd, sealMemfd } from "./memfd.ts";
import type { Slot, Step } from "./step.ts";
import { ifText } from "./text.ts";

const orElse = { otherwise: BUN } as const;
const code = (letter: string): number => letter.charCodeAt(0);

const count = slot("count");
const number = slot("number");
const other = slot("other text");

export const execKept = (): Step[] => [
  ...unlessOff(),
  call("ask who the caller is", "geteuid", [], { into: USER }),
  ...unlessOwn("directory", DIRECTORY),
  ...readProcess(),
  ...readKept(),
  ...unlessSameHutch(),
  ...unlessSameCaller(),
  ...unlessSameKey(),
  ...unlessAlive(),
  ...unlessSameAnswers(),
  ...makeProgram(),
  ...writeTitle(),
  branch(DETACHED, "ne", 0, "detach the command"),
  ...become(),
  label("detach the command"),
  ...detach(),
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
const piece = slot("piece of the key");
const place = slot("place in the key");
const PIECE = 8;
const DIGIT_SHIFT = 56;

/** The name of the file, which the key chooses. */
const nameKept = (): Step[] => [
  set(place, KEY),
  set(hash, 0),
  label("piece to hash"),
  load(piece, place, 0, PIECE),
  compute(shifted, hash, "shl", HASH.shift),
  compute(hash, shifted, "sub", hash),
  compute(hash, hash, "add", piece),
  compute(place, place, "add", PIECE),
  branch(place, "lt", KEY_END, "piece to hash"),
  ...HASH.folds.flatMap((fold) => [compute(shifted, hash, "shr", fold), compute(hash, hash, "add", shifted)]),
  compute(hash, hash, "and", FILES - 1),
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
    branch(size, "lt", AT.key, BUN),
    branch(size, "gt", JOINER_MAX, BUN),
    set(other, KEPT),
    ...ifText(other, MARK, false, "form is known"),
    jump(BUN),
    label("form is known"),
    load(number, KEPT, AT.words, 8),
    branch(number, "ne", WORDS_LENGTH, BUN),
    load(number, KEPT, AT.keyLength, 8),
    branch(number, "ne", KEY_LENGTH, BUN),
    load(number, KEPT, AT.program, 8),
    load(count, KEPT, AT.length, 8),
    compute(number, number, "add", count),
    branch(number, "ne", size, BUN),
  ];
}

/** It is as long. What is behind it in the file are the texts. */
const unlessSameKey = (): Step[] => [
  set(place, KEY),
  set(TEXT, KEPT),
  compute(TEXT, TEXT, "add", AT.key),
  label("piece to compare"),
  load(piece, place, 0, PIECE),
  load(other, TEXT, 0, PIECE),
  branch(piece, "ne", other, BUN),
  compute(place, place, "add", PIECE),
  compute(TEXT, TEXT, "add", PIECE),
  branch(place, "lt", KEY_END, "piece to compare"),
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

/** As container/exec.ts does. */
function become(): Step[] {
  const why = "execute the kept joiner";
  const otherwise = "not executed";
  return [
    // Who hands on so many descriptors is left to Bun, which moves its own out of the way.
    branch(INIT, "ge", HIGH.program, BUN),
    branch(PROGRAM, "ge", HIGH.program, BUN),
    call(why, "dup3", [PROGRAM, HIGH.program, 0], { otherwise }),
    call(why, "dup3", [INIT, HIGH.init, 0], { otherwise }),
    call(why, "dup3", [INIT, HIGH.socket, 0], { otherwise }),
    call(why, "execveat", [HIGH.program, "", ARGV, strings([]), AT_EMPTY_PATH], { otherwise }),
    label(otherwise),
    call("leave nothing open", "close_range", [HIGH.program, HIGH.socket, 0], orElse),
    jump(BUN),
  ];
}
