/**
 * What must be as it was when a joiner was kept (see kept-joiner.ts): hutch, the caller, the container's
 * first process, and the answers to the file's questions. Where it is not, the plan goes on with Bun.
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { RLIMITS } from "../linux/resource.ts";
import { STATX_INO, STATX_MTIME, STATX_OFFSETS, STATX_SIZE, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import { closeFile, FILE, INIT } from "./entry-place.ts";
import { BUN } from "./entry-words.ts";
import { ANSWER_MAX, AT, JOINER_MAX, LINK_QUESTION } from "./kept-joiner.ts";
import type { Buffer, Slot, Step } from "./step.ts";
import { sameStart, sameText, skipText } from "./text.ts";

/** The content of the file, and zeros. */
export const KEPT = buffer("kept joiner", JOINER_MAX + 1);
/** The next text of the file. */
export const TEXT = slot("kept text");
/** The effective user, to be set before. */
export const USER = slot("effective user");
/** What struct statx tells. */
export const STATUS = buffer("status of the kept joiner", STATX_SIZE_OF);

const orElse = { otherwise: BUN } as const;
const code = (letter: string): number => letter.charCodeAt(0);

const ANSWER = buffer("answer", ANSWER_MAX + 1);
const count = slot("count");
const number = slot("number");
const byte = slot("byte of a text");
const other = slot("other text");
const word = slot("word");

const kept = slot("kept number");

/** Goes on with Bun unless a number in memory is what the file says. */
const unlessSame = (from: Buffer, offset: number, size: 4 | 8, at: number): Step[] => [
  load(number, from, offset, size),
  load(kept, KEPT, at, 8),
  branch(number, "ne", kept, BUN),
];

/** Another hutch may hand other things to its programs; it is known as in container/kept.ts. */
export const unlessSameHutch = (): Step[] => [
  call(
    "see that hutch is the same",
    "statx",
    [AT_FDCWD, "/proc/self/exe", 0, STATX_INO | STATX_SIZE | STATX_MTIME, STATUS],
    orElse,
  ),
  ...unlessSame(STATUS, STATX_OFFSETS.stx_ino, 8, AT.inode),
  ...unlessSame(STATUS, STATX_OFFSETS.stx_size, 8, AT.size),
  ...unlessSame(STATUS, STATX_OFFSETS.stx_mtime_sec, 8, AT.seconds),
  ...unlessSame(STATUS, STATX_OFFSETS.stx_mtime_nsec, 4, AT.nanoseconds),
];

const LIMIT = buffer("rlimit64", 16);

/** The ids and RLIMIT_NOFILE, as host/look.ts asks for them. */
export function unlessSameCaller(): Step[] {
  const why = "see that the caller is the same";
  const parent = slot("parent");
  const limit = RLIMITS.RLIMIT_NOFILE;
  return [
    load(kept, KEPT, AT.user, 8),
    branch(USER, "ne", kept, BUN),
    call(why, "getegid", [], { into: number }),
    load(kept, KEPT, AT.group, 8),
    branch(number, "ne", kept, BUN),
    call(why, "getppid", [], { into: parent }),
    // A parent in another pid namespace is 0, and prlimit64 takes 0 for the caller itself.
    branch(parent, "eq", 0, BUN),
    call(why, "prlimit64", [parent, limit, 0, LIMIT], orElse),
    ...unlessSame(LIMIT, 0, 8, AT.soft),
    ...unlessSame(LIMIT, 8, 8, AT.hard),
    call(why, "prlimit64", [0, limit, 0, LIMIT], orElse),
    ...unlessSame(LIMIT, 8, 8, AT.hard),
  ];
}

/** Reads a file into ANSWER, with a NUL behind it. One that is longer differs from every answer. */
const readAnswer = (why: string, path: Slot): Step[] => [
  call(why, "openat", [AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0], { into: FILE, ...orElse }),
  call(why, "read", [FILE, ANSWER, ANSWER_MAX], { into: count, ...orElse }),
  ...closeFile(why),
  ...endAnswer(),
];

const endAnswer = (): Step[] => [
  set(other, ANSWER),
  compute(count, count, "add", other),
  store(count, 0, 1, 0),
];

/** The start time is so many fields behind the state (proc_pid_stat(5): the 22nd and the 3rd). */
const FIELDS_BEHIND_STATE = 19;

/**
 * Opens a pidfd of init first and compares the start time then, so that the number cannot pass to another in
 * between.
 */
export function unlessAlive(): Step[] {
  const why = "see that init lives";
  const state = slot("end of the name");
  const fields = slot("fields");
  return [
    load(number, KEPT, AT.pid, 8),
    call("open a pidfd of init", "pidfd_open", [number, 0], { into: INIT, ...orElse }),
    set(word, TEXT),
    ...skipText("the path of stat", TEXT),
    ...readAnswer(why, word),
    // The name may hold parentheses and spaces itself: the last one ends it.
    set(state, 0),
    label("byte of stat"),
    load(byte, other, 0, 1),
    branch(byte, "eq", 0, "stat is read"),
    compute(other, other, "add", 1),
    branch(byte, "ne", code(")"), "byte of stat"),
    set(state, other),
    jump("byte of stat"),
    label("stat is read"),
    branch(state, "eq", 0, BUN),
    compute(other, state, "add", 1),
    load(byte, other, 0, 1),
    branch(byte, "eq", code("Z"), BUN),
    branch(byte, "eq", code("X"), BUN),
    set(fields, FIELDS_BEHIND_STATE),
    label("byte of a field"),
    load(byte, other, 0, 1),
    branch(byte, "eq", 0, BUN),
    compute(other, other, "add", 1),
    branch(byte, "ne", code(" "), "byte of a field"),
    compute(fields, fields, "sub", 1),
    branch(fields, "ne", 0, "byte of a field"),
    ...sameStart("start time", other, TEXT, BUN),
  ];
}

export function unlessSameAnswers(): Step[] {
  const why = "see that nothing has changed";
  return [
    label("question"),
    load(number, TEXT, 0, 1),
    branch(number, "eq", 0, "answers are the same"),
    compute(word, TEXT, "add", 1),
    ...skipText("the question", TEXT),
    branch(number, "eq", code(LINK_QUESTION), "where a link leads"),
    ...readAnswer(why, word),
    jump("answer"),
    label("where a link leads"),
    call(why, "readlinkat", [AT_FDCWD, word, ANSWER, ANSWER_MAX], { into: count, ...orElse }),
    ...endAnswer(),
    label("answer"),
    ...sameText("answer", other, TEXT, BUN),
    jump("question"),
    label("answers are the same"),
  ];
}
