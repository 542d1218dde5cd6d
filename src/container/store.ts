/**
 * What is written down of each container, in a directory of its id below --root. The directory is made first,
 * and made by one only; the record is written whole or not at all, before the first side effect and after
 * each that matters, so that `delete --force` finds what a hutch that was killed has left.
 */
import { openIfExists, readTextIfExists, writeFile } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import {
  type FileStatus,
  fileKind,
  fileStatus,
  listDirectory,
  mkdir,
  mkdirAll,
  rename,
  rmdir,
  unlink,
} from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { O_PATH, openFlags } from "../linux/fcntl.ts";
import type { NamespaceType } from "../linux/namespace.ts";
import { RECORD, START, SUMMARY, summaryOf } from "../plan/summary.ts";
import type { Hooks } from "../spec/spec.ts";
import type { Identity } from "./identity.ts";
import { launched } from "./launched.ts";
import type { UnitName } from "./unit.ts";

export interface Record {
  readonly ociVersion: string;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** config.json as it was when the container was made, for `exec`: the bundle may be another by then. */
  readonly config?: string;
  /** The root of the container on the host, absolute. */
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  /** The user id that created it. */
  readonly owner: number;
  readonly annotations: Readonly<{ [key: string]: string }>;
  /** The kinds of namespaces that were made for it. */
  readonly namespaces?: readonly NamespaceType[];
  /** Directories that are removed with the container. */
  readonly cgroups: readonly string[];
  /** Of `run`: those that were there before, and are among `cgroups` when init is born (see launched.ts). */
  readonly taken?: readonly string[];
  /** A digest of the device rules that were applied last, if there were any. */
  readonly deviceRules?: string;
  /** What memory.checkBeforeUpdate was last: an update that does not say means the same. */
  readonly checksMemory?: boolean;
  /** The unit that is stopped with the container, where systemd makes the cgroup. */
  readonly unit?: UnitName;
  /** The hooks that come after `create`, as its config had them. */
  readonly hooks: Pick<Hooks, "poststart" | "poststop">;
  /** The inode of the socket that init waits at for `start`; who has it open belongs to the creation. */
  readonly socket?: number;
  /** Init, once it is known. */
  readonly init: Identity | undefined;
  /** True once `create` has handed init over, or when the launcher of `run` has made it. */
  readonly isCreated: boolean;
  /**
   * The launcher of `run`, which lives as long as its container; it writes init down apart (see launched.ts).
   */
  readonly launcher?: Identity;
  /** Of a container in the foreground that was kept: somebody was killed for want of memory. */
  readonly oom?: boolean;
}

/** Where the state is kept, unless the caller says otherwise or is an ordinary user. */
export const DEFAULT_ROOT = "/run/hutch";
export { RECORD } from "../plan/summary.ts";

/**
 * What an id may be: with "hutch-" before it, it becomes the name of a directory (NAME_MAX is 255). Programs are
 * kept in a directory of that name beside those of the containers.
 */
const ID = /^(?!\.{1,2}$|programs$)[\w+.-]{1,240}$/;

export function checkId(id: string): void {
  if (ID.test(id)) return;
  if (id === "programs")
    throw new HutchError({ operation: "container id programs", reason: "is hutch's own" });
  throw new HutchError({
    operation: `container id ${id}`,
    reason: "expected at most 240 letters, digits and _ + - .",
  });
}

export const directoryOf = (root: string, id: string): string => `${root}/${id}`;

/** In the directory of a container. */
export const startSocket = (directory: string): string => `${directory}/${START}`;

/**
 * The directory of a container, held open. By its id alone, who is slow would find that of a later container
 * of the same id, once this one is deleted.
 */
export interface Held {
  readonly root: string;
  readonly id: string;
  readonly fd: number;
}

/** A path of the directory that never comes to mean another; nothing can be made in it once it is gone. */
export const pathOf = ({ fd }: Held): string => `/proc/self/fd/${fd}`;

/** The same file, to the kernel. */
const nameOf = (status: FileStatus | undefined): string =>
  `${status?.device.major}:${status?.device.minor}:${status?.inode}`;

/** True while the id is still this container's. */
const isStill = ({ root, id, fd }: Held): boolean =>
  nameOf(fileStatus(directoryOf(root, id))) === nameOf(fileStatus("", { at: fd }));

/** Opens the directory of a container; undefined when there is none. */
export function hold(root: string, id: string): Held | undefined {
  checkId(id);
  const fd = openIfExists(directoryOf(root, id), O_PATH | openFlags(hostArch()).O_DIRECTORY);
  return fd === undefined ? undefined : { root, id, fd };
}

/** An ordinary user without $XDG_RUNTIME_DIR is sent to the place of root's containers. */
function inPlace<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof HutchError) || error.errno !== "EACCES") throw error;
    const hint = "set XDG_RUNTIME_DIR, or give --root DIR, to a directory of this user";
    throw new HutchError({ operation: error.operation, errno: error.errno, hint, cause: error });
  }
}

/** Takes the id: exactly one of many who try at once gets it. */
export function reserve(root: string, id: string): Held {
  checkId(id);
  inPlace(() => mkdirAll(root, 0o700));
  const isNew = inPlace(() => mkdir(directoryOf(root, id), 0o700));
  const held = isNew ? hold(root, id) : undefined;
  if (held !== undefined) return held;
  throw new HutchError({
    operation: `container ${id}`,
    reason: "already exists",
    hint: `hutch delete ${id}`,
  });
}

/** False before the first record, and once the container was deleted. */
export const isWritten = (held: Held): boolean => fileKind(`${pathOf(held)}/${RECORD}`) !== undefined;

/** Writes a file of a container, whole or not at all. */
function writeWhole(held: Held, name: string, content: string | Uint8Array): void {
  const path = `${pathOf(held)}/${name}`;
  const temporary = `${path}.${call("ask for the process id", "getpid")}`;
  writeFile(temporary, content, { mode: 0o600 });
  rename(temporary, path);
}

export const write = (held: Held, record: Record): void =>
  writeWhole(held, RECORD, `${JSON.stringify(record)}\n`);

/** Writes a program for `exec` (see plan/kept-joiner.ts). */
export const writeJoiner = (held: Held, name: string, content: Uint8Array): void =>
  writeWhole(held, name, content);

/**
 * Writes down what the entry program needs for `start` and `delete`, unless more belongs to them: hooks, the
 * end of a launcher, or a unit that systemd is to forget.
 */
export function writeSummary(held: Held, { init, cgroups, hooks, launcher, unit }: Record): void {
  const comesMore = [hooks.poststart, hooks.poststop].some((list) => list !== undefined && list.length > 0);
  if (comesMore || launcher !== undefined || unit !== undefined || init === undefined) return;
  const summary = summaryOf(init.pid, cgroups);
  if (summary !== undefined) writeWhole(held, SUMMARY, summary);
}

/** The record of a container; undefined when there is a directory, but nothing was written yet. */
export function read(root: string, id: string, directory = directoryOf(root, id)): Record | undefined {
  checkId(id);
  const text = readTextIfExists(`${directory}/${RECORD}`);
  if (text !== undefined) return launched(directory, parse(text, `${directory}/${RECORD}`));
  if (fileKind(directory) === "directory") return undefined;
  throw new HutchError({ operation: `container ${id}`, reason: "does not exist", hint: "hutch list" });
}

/** Written by hutch, into a directory of the caller's own: its form is taken as it is. */
function parse(text: string, path: string): Record {
  try {
    const record: Record = JSON.parse(text);
    return record;
  } catch (cause) {
    throw new HutchError({
      operation: `read ${path}`,
      reason: "is damaged",
      hint: "hutch delete --force",
      cause,
    });
  }
}

/** The ids that are taken. */
export function ids(root: string): string[] {
  if (fileKind(root) !== "directory") return [];
  return inPlace(() => listDirectory(root))
    .filter(({ name, kind }) => kind === "directory" && ID.test(name))
    .map(({ name }) => name)
    .sort();
}

/** More files than a creation writes while its container is deleted. */
const MOST_TRIES = 10;

/**
 * Forgets a container. True for the one of many who do so at once that has removed the record: it runs the
 * poststop hooks.
 */
export function forget(held: Held, tries = MOST_TRIES): boolean {
  const { root, id } = held;
  const directory = pathOf(held);
  const others = listDirectory(directory).filter(({ name }) => name !== RECORD);
  for (const { name } of others) unlink(`${directory}/${name}`);
  const isOurs = unlink(`${directory}/${RECORD}`);
  try {
    if (isStill(held)) rmdir(directoryOf(root, id));
  } catch (error) {
    if (!(error instanceof HutchError) || error.errno !== "ENOTEMPTY" || tries === 0) throw error;
    return forget(held, tries - 1) || isOurs;
  }
  return isOurs;
}
