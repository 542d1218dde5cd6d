/**
 * The words of an `exec` as the entry program reads them: which of them the program depends upon, and which
 * only say where something is that an engine names anew each time. It knows less than cli/option.ts, and
 * takes an option that it does not know for one with a value; so a program is kept only where that has
 * understood the same (see cli/exec-keep.ts). entry-exec-words.ts does the same as a program.
 */

/** Options whose value is left out: a file that is read or written, and a socket. */
export const LEFT_OUT = [
  { option: "process", names: ["--process", "-p"] },
  { option: "pidFile", names: ["--pid-file"] },
  { option: "consoleSocket", names: ["--console-socket"] },
] as const;

export const DETACH = ["--detach", "-d"] as const;
/** Without a value; what else begins with a hyphen has one, behind a "=" or in the next word. */
export const PLAIN = ["--tty", "-t", "--no-new-privs", "--ignore-paused"] as const;

/** In bytes, of words and the process file together; what is longer is left to Bun. */
export const KEY_MAX = 32767;

export interface ExecWords {
  /** The id, and the command behind it. */
  readonly words: readonly string[];
  readonly process?: string;
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  readonly detached: boolean;
  /** What is compared, in order. */
  readonly compared: readonly string[];
}

type LeftOut = (typeof LEFT_OUT)[number]["option"];

/** How the value of an option stands there: in the word, or behind it. */
function leftOut(word: string): { readonly option: LeftOut; readonly start: string } | undefined {
  for (const { option, names } of LEFT_OUT) {
    if (names.some((name) => name === word)) return { option, start: word };
    const start = `${names[0]}=`;
    if (word.startsWith(start)) return { option, start };
  }
  return undefined;
}

const isOneOf = (words: readonly string[], word: string): boolean => words.includes(word);

/** Reads the words behind `exec`; undefined for what is left to Bun. */
export function readExecWords(words: readonly string[]): ExecWords | undefined {
  const values: { [option in LeftOut]?: string } = {};
  const compared: string[] = [];
  let detached = false;
  let index = 0;
  for (; words[index]?.startsWith("-"); index += 1) {
    const word = words[index] ?? "";
    if (word === "--") return undefined;
    const found = leftOut(word);
    if (found === undefined) {
      compared.push(word);
      if (isOneOf(DETACH, word)) detached = true;
      else if (!isOneOf(PLAIN, word) && !word.includes("=")) {
        index += 1;
        compared.push(words[index] ?? "");
      }
      continue;
    }
    const { option, start } = found;
    if (values[option] !== undefined) return undefined;
    if (start === word) index += 1;
    const value = start === word ? words[index] : word.slice(start.length);
    if (value === undefined || value === "") return undefined;
    values[option] = value;
    compared.push(start);
  }
  const rest = words.slice(index);
  if (rest.length === 0 || (rest.length === 1 && values.process === undefined)) return undefined;
  compared.push(...rest);
  // In the foreground its name is a part of the program, which writes it.
  if (!detached && values.pidFile !== undefined) compared.push(values.pidFile);
  return { words: rest, ...values, detached, compared };
}

/** What chooses the program among those that are kept of a container, and what it is known by. */
export interface ExecKey {
  /** The words, each with a NUL behind it, and the content of the process file; zeros up to eight bytes. */
  readonly bytes: Uint8Array;
  /** Without the zeros. */
  readonly length: number;
  /** How long the words are. */
  readonly words: number;
}

const PIECE = 8;

/** The key, or undefined when it cannot be told so. */
export function execKey({ compared }: ExecWords, processText: string | undefined): ExecKey | undefined {
  if ([...compared, processText ?? ""].some((text) => text.includes("\0"))) return undefined;
  const words = new TextEncoder().encode(compared.map((word) => `${word}\0`).join(""));
  const content = new TextEncoder().encode(processText ?? "");
  const length = words.length + content.length;
  if (length >= KEY_MAX) return undefined;
  const bytes = new Uint8Array(new ArrayBuffer(Math.ceil(length / PIECE) * PIECE));
  bytes.set(words);
  bytes.set(content, words.length);
  return { bytes, length, words: words.length };
}

/** Over the key in pieces of eight bytes, little-endian: hash × 31 + piece; then it is folded so. */
export const HASH = { shift: 5, folds: [32, 16, 8] } as const;

/** A number below `files`, a power of two, which the key chooses. */
export function chooseFile({ bytes }: ExecKey, files: number): number {
  const view = new DataView(bytes.buffer);
  let hash = 0n;
  for (let at = 0; at < bytes.length; at += PIECE) {
    hash = BigInt.asUintN(64, (hash << BigInt(HASH.shift)) - hash + view.getBigUint64(at, true));
  }
  for (const fold of HASH.folds) hash = BigInt.asUintN(64, hash + (hash >> BigInt(fold)));
  return Number(hash & BigInt(files - 1));
}
