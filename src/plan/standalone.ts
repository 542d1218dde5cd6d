/**
 * A program that is a file of its own (`hutch compile`): no hutch starts it, so what hutch would hand over
 * (a name, the paths, a copy that nobody can overwrite) it finds itself when it starts.
 */
import { AT_EMPTY_PATH, AT_FDCWD, F_GET_SEALS, O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { PROGRAM_SEALS } from "../linux/memfd.ts";
import { SIGNALS } from "../linux/signal.ts";
import { STATX_BASIC_STATS, STATX_OFFSETS, STATX_SIZE_OF } from "../linux/stat.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "./build.ts";
import type { Context } from "./context.ts";
import { findVariable } from "./given-process.ts";
import type { AtEnd } from "./machine.ts";
import { makeMemfd, sealMemfd } from "./memfd.ts";
import { keepPackFile, type Pack } from "./pack.ts";
import type { Buffer, Call, Slot, Step } from "./step.ts";
import { ignoredAction, SIGSET_SIZE } from "./struct.ts";

/** What the file finds out when it is started. */
export interface Standalone {
  /** What its messages begin with. */
  readonly name: string;
  /** The program's arguments follow those of the command. */
  readonly args: boolean;
  /**
   * The directory of the file, absolute: what lies below it on the host is looked for beside the file,
   * wherever that is by then. Undefined when all paths stay as they are.
   */
  readonly directory: string | undefined;
  /** The same directory by another path, through symlinks: how the paths below it may be written. */
  readonly alias?: string;
  /** The variable of the environment that holds the path of the root. */
  readonly rootVariable: string | undefined;
  /** The file may be the first process of a machine, and this is what it does to it at the end. */
  readonly machine?: AtEnd | undefined;
  /** The root is an image behind the program. */
  readonly pack: Pack | undefined;
}

const SELF = slot("this program");
const ROOT_PATH = slot("path of the root");
const PATH_MAX = 4096;
const SLASH = 0x2f;

const PROC_HINT = { ENOENT: "it takes /proc, which is not mounted" } as const;

/**
 * Goes to the directory of the file: by a descriptor no mount could be cloned in a new namespace. `links` are
 * the names that the file has.
 */
function goHere(links: Slot): Step[] {
  const path = buffer("path of this program", PATH_MAX);
  const [at, last, byte] = [slot("path byte at"), slot("last slash"), slot("path byte")];
  const why = "go to the directory of this program";
  return [
    branch(links, "ne", 0, "this program has a name"),
    {
      kind: "fail",
      message: `${why}: it was started from memory, or has been removed; hint: start the file by its path`,
    },
    label("this program has a name"),
    // One byte less, so that a NUL follows.
    call(why, "readlinkat", [AT_FDCWD, "/proc/self/exe", path, PATH_MAX - 1], { hints: PROC_HINT }),
    set(at, path),
    label("path byte"),
    load(byte, at, 0, 1),
    branch(byte, "eq", 0, "path read"),
    branch(byte, "ne", SLASH, "path byte passed"),
    set(last, at),
    label("path byte passed"),
    compute(at, at, "add", 1),
    jump("path byte"),
    label("path read"),
    // Behind the slash, so that of "/box" the slash is left.
    store(last, 1, 1, 0),
    call(why, "chdir", [path]),
  ];
}

/** The address of what messages begin with: the program's name without its directories. */
export const NAME = slot("name of this program");
/** A file name of Linux (linux/limits.h); a longer argument is none. */
const NAME_MAX = 255;

/** Finds out by what name this program was started. */
export function findName(): Step[] {
  const [at, byte, start] = [slot("name byte at"), slot("name byte"), slot("name start")];
  return [
    { kind: "given", into: start, what: 0 },
    branch(start, "eq", 0, "name known"),
    set(at, start),
    label("name byte"),
    load(byte, at, 0, 1),
    compute(at, at, "add", 1),
    branch(byte, "eq", 0, "name ends"),
    branch(byte, "ne", SLASH, "name byte"),
    set(start, at),
    jump("name byte"),
    label("name ends"),
    compute(at, at, "sub", start),
    branch(at, "gt", NAME_MAX, "name known"),
    set(NAME, start),
    label("name known"),
  ];
}

/** What a cut image lacks the container would find out by SIGBUS, or not at all. `status` is of the file. */
function refuseCut({ offset, size, unpack }: Pack, status: Buffer): Step[] {
  const length = slot("length of the file");
  return [
    load(length, status, STATX_OFFSETS.stx_size, 8),
    branch(length, "ge", offset + size + (unpack?.list ?? 0), "the file is whole"),
    { kind: "fail", message: "look at the packed root: the file ended early; hint: copy it again, whole" },
    label("the file is whole"),
  ];
}

/**
 * Goes on in a sealed copy in memory. The file itself could be overwritten by a container's root: through
 * /proc/PID/exe of a process that runs it, or by a command or interpreter that leads to /proc/self/exe
 * (CVE-2019-5736).
 */
export function becomeCopy({ directory, pack }: Standalone): Step[] {
  const status = buffer("statx", STATX_SIZE_OF);
  const [links, size, copy, written] = [slot("links"), slot("size"), slot("copy"), slot("bytes copied")];
  const [argv, envp, sealed] = [slot("arguments"), slot("environment"), slot("seals")];
  const why = "go on in a copy in memory";
  return [
    call("open this program", "openat", [AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0], {
      into: SELF,
      hints: { ...PROC_HINT, EACCES: "who starts it must be allowed to read it: chmod a+r" },
    }),
    // Not by its links: a file that was removed, or came in memory from somebody else, has none either.
    call("see whether this is the copy", "fcntl", [SELF, F_GET_SEALS, 0], {
      into: sealed,
      errors: { EINVAL: "ignore" },
    }),
    branch(sealed, "eq", PROGRAM_SEALS, "this is the copy"),
    call("look at this program", "statx", [SELF, "", AT_EMPTY_PATH, STATX_BASIC_STATS, status]),
    ...(directory === undefined ? [] : [load(links, status, STATX_OFFSETS.stx_nlink, 4), ...goHere(links)]),
    ...(pack === undefined
      ? [load(size, status, STATX_OFFSETS.stx_size, 8)]
      : [...refuseCut(pack, status), set(size, pack.offset), ...keepPackFile(SELF)]),
    ...makeMemfd(why, copy, { hints: { EACCES: "vm.memfd_noexec is 2: set it to 0 or 1" } }),
    // Else a limit on the size of files ends this program without a word. The copy sets it to its default.
    call(why, "rt_sigaction", [SIGNALS.SIGXFSZ, ignoredAction(), 0, SIGSET_SIZE]),
    call(why, "sendfile", [copy, SELF, 0, size], {
      into: written,
      hints: { EFBIG: "RLIMIT_FSIZE is smaller than this program: ulimit -f unlimited" },
    }),
    branch(written, "eq", size, "copy written"),
    { kind: "fail", message: `${why}: the file ended early` },
    label("copy written"),
    ...sealMemfd(why, copy),
    { kind: "given", into: argv, what: "arguments" },
    { kind: "given", into: envp, what: "environment" },
    call(why, "execveat", [copy, "", argv, envp, AT_EMPTY_PATH]),
    label("this is the copy"),
    call("make this program impossible to execute again", "fchmod", [SELF, 0]),
  ];
}

/** Takes the path of the root from the environment, if it is to be found there. */
export function takeRoot(standalone: Standalone | undefined): Step[] {
  const { rootVariable, directory } = standalone ?? {};
  if (rootVariable === undefined) return [];
  const find = findVariable(rootVariable, ROOT_PATH);
  if (directory === undefined) return find;
  const first = slot("path byte");
  return [
    ...find,
    // The caller's directory was left: what is relative to it would be found beside the file instead.
    load(first, ROOT_PATH, 0, 1),
    branch(first, "eq", SLASH, "path of the root is absolute"),
    { kind: "fail", message: `${rootVariable} is no absolute path, which a file of --relative takes` },
    label("path of the root is absolute"),
  ];
}

/** The string of the environment that names the root, for messages. */
export const subjectOfRoot = ({ launch }: Context): Pick<Call, "subject"> =>
  launch.standalone?.rootVariable === undefined ? {} : { subject: ROOT_PATH };

/**
 * Refuses the host's own root where the environment has named it: it would be writable, with the sockets of
 * its /run. WHERE / is read-only, with a /run of its own; that is planned so. `tree` is what was opened, whose
 * path may lead elsewhere by now.
 */
export function refuseHostRoot({ launch }: Context, why: string, tree: Slot): Step[] {
  if (launch.standalone?.rootVariable === undefined) return [];
  const [status, look] = [buffer("statx", STATX_SIZE_OF), "see that the root is not the host's own"];
  const [inode, device, other] = [
    slot("inode"),
    slot("device of the root"),
    slot("field of the host's root"),
  ];
  // The number of a device is two fields, side by side.
  const field = (into: Slot, name: "stx_ino" | "stx_dev_major"): Step =>
    load(into, status, STATX_OFFSETS[name], 8);
  return [
    call(look, "statx", [tree, "", AT_EMPTY_PATH, STATX_BASIC_STATS, status]),
    field(inode, "stx_ino"),
    field(device, "stx_dev_major"),
    call(look, "statx", [AT_FDCWD, "/", 0, STATX_BASIC_STATS, status]),
    field(other, "stx_ino"),
    branch(other, "ne", inode, "another root"),
    field(other, "stx_dev_major"),
    branch(other, "ne", device, "another root"),
    {
      kind: "fail",
      message: `${why}: it is the host's own root; hint: name another directory, or compile a file with / as WHERE`,
    },
    label("another root"),
  ];
}

/** The part of a path that is looked for beside the file; undefined for all others. */
function besideFile({ launch }: Context, path: string): string | undefined {
  const { directory, alias } = launch.standalone ?? {};
  for (const each of directory === undefined ? [] : [directory, alias ?? directory]) {
    if (path === each) return ".";
    const above = each === "/" ? each : `${each}/`;
    // What leads out of the directory does not move with it.
    if (path.startsWith(above) && !path.split("/").includes("..")) return path.slice(above.length);
  }
  return undefined;
}

/** A path of the host as the running file, which has gone to its directory, has to name it. */
export const pathFromFile = (context: Context, path: string): string => besideFile(context, path) ?? path;

/** The same for what may be the root, whose path the environment may have. */
export const hostPath = (context: Context, path: string, isRoot: boolean): string | Slot =>
  isRoot && context.launch.standalone?.rootVariable !== undefined ? ROOT_PATH : pathFromFile(context, path);

/** The same for messages: where the file was when it was compiled, says nothing of where it is. */
export function toldPath(context: Context, path: string): string {
  const beside = besideFile(context, path);
  if (beside === undefined) return path;
  return beside === "." ? "the directory of this file" : `${beside} beside this file`;
}

/** The same for the root. */
export function toldRoot(context: Context, path: string): string {
  const { rootVariable } = context.launch.standalone ?? {};
  return rootVariable === undefined ? toldPath(context, path) : `$${rootVariable}`;
}
