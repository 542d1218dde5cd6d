/**
 * Where the entry program works: the directory of all containers (as cli/globals.ts finds it), the one of the
 * container in it, and the summary there.
 */
import type { Arch } from "../linux/arch.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, openFlags } from "../linux/fcntl.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot } from "./build.ts";
import { BUN, ID, ROOT_OPTION } from "./entry-words.ts";
import type { Slot, Step } from "./step.ts";
import { MARK, SUMMARY, SUMMARY_MAX } from "./summary.ts";
import { ifText, unlessAscii } from "./text.ts";

/** Descriptors; −1 while they are not open. */
export const ROOT = slot("directory of all containers");
export const DIRECTORY = slot("directory of the container");
export const FILE = slot("file");
/** A pidfd of init, and the program of `exec`. */
export const INIT = slot("init");
export const PROGRAM = slot("program");
const above = slot("directory of the user");

/** What is closed before Bun begins, which takes the lowest numbers that are free. */
const DESCRIPTORS: readonly Slot[] = [above, ROOT, DIRECTORY, FILE, INIT, PROGRAM];

/** The content of the summary, and zeros. */
export const CONTENT = buffer("summary", SUMMARY_MAX + 1);

const DEFAULT_ROOT = "/run/hutch";
const RUNTIME = "XDG_RUNTIME_DIR=";
/** /proc/self/uid_map of the initial user namespace (user_namespaces(7)). */
const INITIAL_MAP = "         0          0 4294967295\n";
const MAP = buffer("uid map", 64);

const place = slot("place in the environment");
const variable = slot("variable");
const count = slot("count");

const openDirectory = (why: string, arch: Arch, at: number | Slot, path: string | Slot, into: Slot): Step =>
  call(why, "openat", [at, path, O_PATH | O_CLOEXEC | openFlags(arch).O_DIRECTORY, 0], {
    into,
    otherwise: BUN,
  });

export const forgetDescriptors = (): Step[] => DESCRIPTORS.map((descriptor) => set(descriptor, -1));

/** Closes what is open. */
export const closeDescriptors = (): Step[] =>
  DESCRIPTORS.flatMap((descriptor) => [
    branch(descriptor, "lt", 0, `${descriptor.name} is closed`),
    call("leave nothing open", "close", [descriptor], { otherwise: `${descriptor.name} is closed` }),
    label(`${descriptor.name} is closed`),
  ]);

/** Closes FILE. */
export const closeFile = (why: string): Step[] => [
  call(why, "close", [FILE], { otherwise: BUN }),
  set(FILE, -1),
];

/** Opens the directory of all containers. */
export const openRoot = (arch: Arch): Step[] => [
  branch(ROOT_OPTION, "ne", 0, "root is given"),
  { kind: "given", into: place, what: "environment" },
  label("variable"),
  load(variable, place, 0, 8),
  branch(variable, "eq", 0, "default root"),
  compute(place, place, "add", 8),
  ...ifText(variable, `${RUNTIME}/`, false, "runtime directory"),
  jump("variable"),
  label("runtime directory"),
  compute(variable, variable, "add", RUNTIME.length),
  ...unlessAscii(RUNTIME, variable, BUN),
  ...ifRoot("default root"),
  openDirectory("open the user's directory", arch, AT_FDCWD, variable, above),
  openDirectory("open the directory of containers", arch, above, "hutch", ROOT),
  jump("root is open"),
  label("root is given"),
  openDirectory("open the directory of containers", arch, AT_FDCWD, ROOT_OPTION, ROOT),
  jump("root is open"),
  label("default root"),
  openDirectory("open the directory of containers", arch, AT_FDCWD, DEFAULT_ROOT, ROOT),
  label("root is open"),
];

/** Goes on at `to` for root of the machine; "root" of a user namespace is an ordinary user. */
function ifRoot(to: string): Step[] {
  const text = slot("text of the uid map");
  return [
    call("ask who the caller is", "geteuid", [], { into: count }),
    branch(count, "ne", 0, "ordinary user"),
    call("read the uid map", "openat", [AT_FDCWD, "/proc/self/uid_map", O_RDONLY | O_CLOEXEC, 0], {
      into: FILE,
      otherwise: BUN,
    }),
    call("read the uid map", "read", [FILE, MAP, MAP.size], { otherwise: BUN }),
    ...closeFile("read the uid map"),
    set(text, MAP),
    ...ifText(text, INITIAL_MAP, true, to),
    label("ordinary user"),
  ];
}

/** Opens the container's directory. */
export const openContainer = (arch: Arch): Step =>
  openDirectory("open the directory of the container", arch, ROOT, ID, DIRECTORY);

/** Reads the container's summary into CONTENT. */
export function readSummary(): Step[] {
  const mark = slot("mark");
  return [
    call("read the summary", "openat", [DIRECTORY, SUMMARY, O_RDONLY | O_CLOEXEC, 0], {
      into: FILE,
      otherwise: BUN,
    }),
    call("read the summary", "read", [FILE, CONTENT, CONTENT.size], { into: count, otherwise: BUN }),
    branch(count, "eq", CONTENT.size, BUN),
    ...closeFile("read the summary"),
    set(mark, CONTENT),
    ...ifText(mark, MARK, true, "summary is known"),
    jump(BUN),
    label("summary is known"),
  ];
}
