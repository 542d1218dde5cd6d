/**
 * A program of `exec` that is kept for the next one with the same key (see exec-key.ts), in a form that a
 * program without a JSON parser reads: a file beside the record, written whole. The entry program (see
 * entry.ts) executes what is in it when everything that the program was made from is as it was.
 *
 * In the file: the mark, numbers of 8 bytes (little-endian, at the places of AT), the key with zeros behind
 * it up to eight bytes, texts with a NUL behind each, and the program. The texts: the path of the stat of
 * init (proc_pid_stat(5)) and its start time with a space; questions, each with its answer; and an empty
 * text. A question is a letter, F for the content of a file or L for where a link leads, and a path.
 */
import { chooseFile, type ExecKey } from "./exec-key.ts";

/** Another form of the file gets another mark. */
export const MARK = "joiner 2";

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
  /** How long the key is, and the words in it. */
  keyLength: 96,
  words: 104,
  key: 112,
} as const;

/** The longest file; one that would be longer is not written. */
export const JOINER_MAX = 65535;

export const FILE_QUESTION = "F";
export const LINK_QUESTION = "L";

/** An answer is no longer. */
export const ANSWER_MAX = 4095;

export interface KeptJoiner {
  readonly numbers: Readonly<
    Record<Exclude<keyof typeof AT, "program" | "length" | "keyLength" | "words" | "key">, bigint>
  >;
  readonly key: ExecKey;
  readonly statPath: string;
  readonly startTime: string;
  readonly questions: readonly (readonly [question: string, answer: string])[];
  readonly program: Uint8Array;
}

/** Few files a container: the key chooses one, and replaces what others have left there. A power of two. */
export const FILES = 8;

/** The name of the file, of eight bytes; the last is a digit. */
export const JOINER = "joiner-0";

const textsOf = (texts: readonly string[]): Uint8Array =>
  new TextEncoder().encode(texts.map((text) => `${text}\0`).join(""));

/** The name of the file for this key. */
export const joinerName = (key: ExecKey): string => `${JOINER.slice(0, -1)}${chooseFile(key, FILES)}`;

/** The content of the file, or undefined when it cannot be told so. */
export function joinerFile(kept: KeptJoiner): Uint8Array | undefined {
  const { numbers, key, statPath, startTime, questions, program } = kept;
  const texts = [statPath, `${startTime} `, ...questions.flat(), ""];
  if (texts.some((text) => text.includes("\0"))) return undefined;
  if (questions.some(([, answer]) => new TextEncoder().encode(answer).length > ANSWER_MAX)) return undefined;
  const encoded = textsOf(texts);
  const textsAt = AT.key + key.bytes.length;
  const at = textsAt + encoded.length;
  if (at + program.length > JOINER_MAX) return undefined;
  const file = new Uint8Array(new ArrayBuffer(at + program.length));
  const view = new DataView(file.buffer);
  const all = {
    ...numbers,
    program: BigInt(at),
    length: BigInt(program.length),
    keyLength: BigInt(key.length),
    words: BigInt(key.words),
  };
  new TextEncoder().encodeInto(MARK, file);
  for (const [name, offset] of Object.entries(AT)) {
    const number = Object.entries(all).find(([each]) => each === name)?.[1];
    if (number !== undefined) view.setBigUint64(offset, number, true);
  }
  file.set(key.bytes, AT.key);
  file.set(encoded, textsAt);
  file.set(program, at);
  return file;
}
