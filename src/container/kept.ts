/**
 * Programs that were compiled before. A start of the same container on an unchanged machine need not be
 * planned again: the program is kept with the questions that its plan asked of the machine, and used for as
 * long as every answer is the same. HUTCH_CACHE=off keeps nothing; HUTCH_CACHE=DIR keeps it there.
 *
 * What is kept is executed with the rights of the caller, so the directory and the file must be the caller's
 * own, and writable by nobody else; whatever is wrong with them, the program is compiled anew.
 */

import { effectiveUser } from "../host/facts.ts";
import { readFile, writeFile } from "../host/fd.ts";
import { type Asked, type Looks, stillTrue } from "../host/look.ts";
import { fileStatus, listDirectory, mkdirAll, rename, unlink } from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";

export interface Kept {
  readonly program: Uint8Array;
  /** The questions that its plan asked, whose answers are the same. */
  readonly asked: readonly Asked[];
  /** What was said to the user when the description was read. */
  readonly warnings: readonly string[];
  /** What else its maker knew of the description, in a form of its own; empty when there is nothing. */
  readonly details: string;
}

/** What precedes the program in its file, as a line of JSON. */
interface Header extends Looks {
  readonly warnings: readonly string[];
  readonly details?: string;
}

/** No more are kept; what is kept lies in memory (/run is a tmpfs). */
const MOST = 128;
/** In bytes; most programs have a quarter of it. One with very long arguments is compiled every time. */
const MOST_BYTES = 256 * 1024;
/** So many are left when there are too many, because looking at all of them takes time. */
const LEFT = 96;
/**
 * What keep writes: a key, or a key and a process id. A directory of the user's choice may hold other files.
 */
const OWN_NAME = /^[0-9a-f]{40}(\.\d+)?$/;
const OTHERS_MAY_WRITE = 0o022;
const NEWLINE = 0x0a;

/** Where programs are kept; undefined when they are not. */
export function keptDirectory(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
): string | undefined {
  const { HUTCH_CACHE: wish, XDG_RUNTIME_DIR: runtime } = env;
  if (wish === "off") return undefined;
  if (wish !== undefined && wish !== "") return wish;
  if (uid === 0) return "/run/hutch/programs";
  return runtime?.startsWith("/") ? `${runtime}/hutch/programs` : undefined;
}

/** A name for what a program is made from; hutch itself counts, by its size and time. */
export function keyOf(parts: readonly string[]): string {
  const self = fileStatus("/proc/self/exe");
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(`${self?.inode}:${self?.size}:${self?.modified}\0`);
  for (const part of parts) hasher.update(`${part.length}:${part}\0`);
  return hasher.digest("hex").slice(0, 40);
}

const isSafe = (path: string, uid: number): boolean => {
  const status = fileStatus(path, { follow: false });
  return status !== undefined && status.uid === uid && (status.mode & OTHERS_MAY_WRITE) === 0;
};

/** The program of this key, if there is one that still holds. */
export function recall(directory: string, key: string): Kept | undefined {
  try {
    const uid = effectiveUser();
    const path = `${directory}/${key}`;
    if (!isSafe(directory, uid) || !isSafe(path, uid)) return undefined;
    const file = readFile(path);
    const end = file.indexOf(NEWLINE);
    if (end < 0) return undefined;
    const header = readHeader(new TextDecoder().decode(file.subarray(0, end)));
    return header !== undefined && stillTrue(header)
      ? {
          program: file.slice(end + 1),
          asked: header.asked,
          warnings: header.warnings,
          details: header.details ?? "",
        }
      : undefined;
  } catch (error) {
    // A damaged file, or a look that fails: then the plan fails too, with a message that says where.
    if (error instanceof HutchError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isTexts(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false;
  for (const each of value) if (typeof each !== "string") return false;
  return true;
}

function isAsked(value: unknown): value is Asked[] {
  if (!Array.isArray(value)) return false;
  for (const each of value) if (!isTexts(each) || each.length !== 2) return false;
  return true;
}

function readHeader(text: string): Header | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) return undefined;
  if (!("asked" in value) || !("digest" in value) || !("warnings" in value)) return undefined;
  const { asked, digest, warnings } = value;
  const details = "details" in value ? value.details : "";
  if (!isAsked(asked) || typeof digest !== "string" || !isTexts(warnings)) return undefined;
  return typeof details === "string" ? { asked, digest, warnings, details } : undefined;
}

/** Keeps a program, whole or not at all. That nothing can be kept is no reason not to start the container. */
export function keep(directory: string, key: string, program: Uint8Array, header: Header): void {
  // Containers of one description may be started for the first time at once.
  const temporary = `${directory}/${key}.${call("ask for the process id", "getpid")}`;
  try {
    const line = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
    if (line.length + program.length > MOST_BYTES) return;
    mkdirAll(directory, 0o700);
    if (!isSafe(directory, effectiveUser())) return;
    makeRoom(directory);
    const file = new Uint8Array(new ArrayBuffer(line.length + program.length));
    file.set(line);
    file.set(program, line.length);
    writeFile(temporary, file, { mode: 0o600 });
    rename(temporary, `${directory}/${key}`);
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
  }
}

interface Aged {
  readonly path: string;
  /** An engine's container is often started once and never again; its program is the first to go. */
  readonly isUsedAgain: boolean;
  readonly accessed: bigint;
}

const byUse = (a: Aged, b: Aged): number =>
  Number(a.isUsedAgain) - Number(b.isUsedAgain) || Number(a.accessed - b.accessed);

/** Removes those that were not used for the longest time, if there is no room for one more. */
function makeRoom(directory: string): void {
  const own = listDirectory(directory).filter(({ name }) => OWN_NAME.test(name));
  if (own.length < MOST) return;
  const aged = own.flatMap(({ name }): Aged[] => {
    const path = `${directory}/${name}`;
    const status = fileStatus(path, { follow: false });
    if (status === undefined) return [];
    return [{ path, isUsedAgain: status.accessed > status.modified, accessed: status.accessed }];
  });
  for (const { path } of aged.sort(byUse).slice(0, -LEFT)) unlink(path);
}
