/**
 * A program of `exec` that is kept for the next one with the same words, in a form that a program without a
 * JSON parser reads: a file beside the record, written whole. The entry program (see entry.ts) executes what
 * is in it when everything that the program was made from is as it was.
 *
 * In the file: the mark, numbers of 8 bytes (little-endian, at the places of AT), texts with a NUL behind
 * each, and the program. The texts: the path of the stat of init (proc_pid_stat(5)) and its start time with a
 * space; the words behind `exec`, as many as the number says; questions, each with its answer; and an empty
 * text. A question is a letter, F for the content of a file or L for where a link leads, and a path.
 */

/** Another form of the file gets another mark. */
export const MARK = "joiner 1";

export const AT = {
  /** Of the executable of hutch, as statx(2) says. */
  inode: 8,
  size: 16,
  seconds: 24,
  nanoseconds: 32,
  /** Of init. */
  pid: 40,
  /** Who has called hutch: the effective ids, and RLIMIT_NOFILE of the parent. */
  user: 48,
  group: 56,
  soft: 64,
  hard: 72,
  /** Where in the file the program is, and how long. */
  program: 80,
  length: 88,
  words: 96,
  texts: 104,
} as const;

/** The longest file; one that would be longer is not written. */
export const JOINER_MAX = 65535;

export const FILE_QUESTION = "F";
export const LINK_QUESTION = "L";

/** An answer is no longer. */
export const ANSWER_MAX = 4095;

export interface KeptJoiner {
  readonly numbers: Readonly<
    Record<Exclude<keyof typeof AT, "program" | "length" | "words" | "texts">, bigint>
  >;
  readonly statPath: string;
  readonly startTime: string;
  readonly words: readonly string[];
  readonly questions: readonly (readonly [question: string, answer: string])[];
  readonly program: Uint8Array;
}

/** Few files a container: the words choose one, and replace what others have left there. */
const FILES_MASK = 7;
const HASH_MASK = 0xffff;
const HASH_SHIFT = 5;

/** How the words choose: over the bytes of all words with their NULs, hash × 31 + byte. */
export const HASH = { mask: HASH_MASK, shift: HASH_SHIFT, files: FILES_MASK } as const;

/** The name of the file, of eight bytes; the last is a digit. */
export const JOINER = "joiner-0";

const textsOf = (texts: readonly string[]): Uint8Array =>
  new TextEncoder().encode(texts.map((text) => `${text}\0`).join(""));

/** The name of the file for these words. */
export function joinerName(words: readonly string[]): string {
  let hash = 0;
  for (const byte of textsOf(words)) hash = ((hash << HASH_SHIFT) - hash + byte) & HASH_MASK;
  return `${JOINER.slice(0, -1)}${hash & FILES_MASK}`;
}

/** The content of the file, or undefined when it cannot be told so. */
export function joinerFile(kept: KeptJoiner): Uint8Array | undefined {
  const { numbers, statPath, startTime, words, questions, program } = kept;
  const texts = [statPath, `${startTime} `, ...words, ...questions.flat(), ""];
  if (texts.some((text) => text.includes("\0"))) return undefined;
  if (questions.some(([, answer]) => new TextEncoder().encode(answer).length > ANSWER_MAX)) return undefined;
  const encoded = textsOf(texts);
  const at = AT.texts + encoded.length;
  if (at + program.length > JOINER_MAX) return undefined;
  const file = new Uint8Array(new ArrayBuffer(at + program.length));
  const view = new DataView(file.buffer);
  const all = {
    ...numbers,
    program: BigInt(at),
    length: BigInt(program.length),
    words: BigInt(words.length),
  };
  new TextEncoder().encodeInto(MARK, file);
  for (const [name, offset] of Object.entries(AT)) {
    const number = Object.entries(all).find(([each]) => each === name)?.[1];
    if (number !== undefined) view.setBigUint64(offset, number, true);
  }
  file.set(encoded, AT.texts);
  file.set(program, at);
  return file;
}
