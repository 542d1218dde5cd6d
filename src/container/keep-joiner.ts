/**
 * Keeping the program of an `exec` where the entry program finds it: in the directory of the container, with
 * all that it was made from. Apart, because it is done once for the same words.
 */
import { inheritedNofile } from "../host/exec.ts";
import { effectiveGroup, effectiveUser } from "../host/facts.ts";
import { readTextIfExists } from "../host/fd.ts";
import type { Asked } from "../host/look.ts";
import { fileStatus, readLink } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { NAMESPACES } from "../linux/namespace.ts";
import type { ExecKey } from "../plan/exec-key.ts";
import { FILE_QUESTION, joinerFile, joinerName, LINK_QUESTION } from "../plan/kept-joiner.ts";
import { coldOf, freezerFiles } from "./freezer.ts";
import type { Program } from "./program.ts";
import type { Container } from "./state.ts";
import { hold, writeJoiner } from "./store.ts";

/** A file, or a link of which the target is asked for; undefined for an answer that there is not. */
type Question = readonly [question: string, answer: string] | undefined;

function fileQuestion(path: string): Question {
  const answer = readTextIfExists(path);
  return answer === undefined ? undefined : [`${FILE_QUESTION}${path}`, answer];
}

const linkQuestion = (path: string): Question => [`${LINK_QUESTION}${path}`, readLink(path)];

/**
 * The planner's own questions (see host/look.ts) that what is asked of every program answers as well. Of the
 * mounts of cgroups it is their namespace: where a container's cgroups are does not change while it lives.
 */
const COVERED: readonly string[] = ["user", "group", "uidMap", "nofile", "cgroupMounts", "cgroups"];

/** Undefined for a question that the entry program cannot ask. */
function planned([question, argument]: Asked): Question {
  return question === "text" ? fileQuestion(argument) : undefined;
}

/**
 * What the program depends upon beside its key: the caller's namespaces and cgroups, those of the container
 * that were not made for it, that it is not paused, and what its plan has asked.
 */
function questionsOf({ record }: Container, pid: number, asked: readonly Asked[]): Question[] {
  const found = NAMESPACES.filter(
    ({ type }) => type === "user" || record.namespaces?.includes(type) !== true,
  );
  const links = found.flatMap(({ file }) => [`/proc/self/ns/${file}`, `/proc/${pid}/ns/${file}`]);
  const files = ["/proc/self/uid_map", "/proc/self/cgroup", `/proc/${pid}/cgroup`, `/proc/${pid}/setgroups`];
  return [
    linkQuestion("/proc/self/ns/mnt"),
    // A kernel without this kind has one of them, of everybody.
    ...links.filter((path) => fileStatus(path, { follow: false }) !== undefined).map(linkQuestion),
    ...[...files, ...freezerFiles(record.cgroups)].map(fileQuestion),
    ...asked.filter(([question]) => !COVERED.includes(question)).map(planned),
  ];
}

const NANOSECONDS = 1_000_000_000n;

function fileOf(container: Container, key: ExecKey, program: Program): Uint8Array | undefined {
  const { init, launcher, cgroups } = container.record;
  // The pid of a container in the foreground is its launcher's to know.
  if (init === undefined || launcher !== undefined || program.warnings.length > 0) return undefined;
  const [self, limit] = [fileStatus("/proc/self/exe"), inheritedNofile()];
  if (self === undefined || limit === undefined || coldOf(cgroups) !== "thawed") return undefined;
  const all = questionsOf(container, init.pid, program.asked);
  const questions = all.filter((each) => each !== undefined);
  if (questions.length < all.length) return undefined;
  return joinerFile({
    numbers: {
      inode: self.inode,
      size: BigInt(self.size),
      seconds: self.modified / NANOSECONDS,
      nanoseconds: self.modified % NANOSECONDS,
      pid: BigInt(init.pid),
      user: BigInt(effectiveUser()),
      group: BigInt(effectiveGroup()),
      soft: limit.soft,
      hard: limit.hard,
    },
    statPath: `/proc/${init.pid}/stat`,
    startTime: init.startTime,
    key,
    questions,
    program: program.bytes,
  });
}

/** Keeps a program for `exec` with this key. That it cannot be kept is no reason not to execute it. */
export function keepJoiner(container: Container, key: ExecKey, program: Program): void {
  try {
    const file = fileOf(container, key, program);
    const held = file === undefined ? undefined : hold(container.root, container.id);
    if (file !== undefined && held !== undefined) writeJoiner(held, joinerName(key), file);
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
  }
}
