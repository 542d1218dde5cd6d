/**
 * Every look at the machine that planning takes. A plan is a function of its description and of these answers
 * alone; answers are text, so that they can be written down and compared with what is the case later.
 */
import { inheritedNofile } from "./exec.ts";
import { effectiveGroup, effectiveUser, kernelRelease } from "./facts.ts";
import { readText, readTextIfExists } from "./fd.ts";
import { fileKind, isWritable, realPath } from "./path.ts";

const MOUNTINFO = "/proc/self/mountinfo";
/** The field of a mountinfo line that names the mount point. */
const MOUNT_POINT = 4;

/** undefined is an answer too: there is nothing of that name. */
const QUESTIONS = {
  user: () => `${effectiveUser()}`,
  group: () => `${effectiveGroup()}`,
  uidMap: () => readText("/proc/self/uid_map"),
  nofile: () => {
    const limit = inheritedNofile();
    return limit === undefined ? undefined : `${limit.soft}:${limit.hard}`;
  },
  release: () => kernelRelease(),
  kind: (path: string) => fileKind(path),
  kindOfLink: (path: string) => fileKind(path, { follow: false }),
  real: (path: string) => realPath(path),
  text: (path: string) => readTextIfExists(path),
  writable: (path: string) => (isWritable(path) ? "yes" : undefined),
  /** The lines of mountinfo that are of cgroups, because others come and go. */
  cgroupMounts: () => linesWith(readText(MOUNTINFO), " - cgroup"),
  cgroups: () => readText("/proc/self/cgroup"),
  /** The capabilities that the caller could have at all, as a mask in hexadecimal. */
  bounding: () => /^CapBnd:\s*([0-9a-f]+)$/m.exec(readText("/proc/self/status"))?.[1],
  /** Those that the caller has now. */
  effective: () => /^CapEff:\s*([0-9a-f]+)$/m.exec(readText("/proc/self/status"))?.[1],
  mountPoints: () => fieldOfLines(readText(MOUNTINFO), MOUNT_POINT),
} as const satisfies Record<string, (argument: string) => string | undefined>;

export type Question = keyof typeof QUESTIONS;

export type Look = (question: Question, argument?: string) => string | undefined;

function linesWith(text: string, part: string): string {
  let result = "";
  for (const line of text.split("\n")) if (line.includes(part)) result += `${line}\n`;
  return result;
}

function fieldOfLines(text: string, field: number): string {
  let result = "";
  for (const line of text.split("\n")) if (line !== "") result += `${line.split(" ", field + 1)[field]}\n`;
  return result;
}

/** Looks, and tells. */
export const look: Look = (question, argument = "") => QUESTIONS[question](argument);

/** True when this is a question: answers are read back from a file. */
export const isQuestion = (name: string): name is Question => Object.hasOwn(QUESTIONS, name);

/** One look: a question and its argument. */
export type Asked = readonly [question: string, argument: string];

/** Looks that were taken, and one digest of all their answers. */
export interface Looks {
  readonly asked: readonly Asked[];
  readonly digest: string;
}

/** An answer with its length before it, so that no two lists of answers read alike. */
const framed = (answer: string | undefined): string =>
  answer === undefined ? "-" : `${answer.length}:${answer}`;

const digestOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("base64");

/** A look that remembers what was asked, and what the answers were. */
export function recordingLook(): { readonly look: Look; readonly record: () => Looks } {
  const asked: Asked[] = [];
  const known = new Set<string>();
  let answers = "";
  return {
    look: (question, argument = "") => {
      const answer = look(question, argument);
      const key = `${question} ${argument}`;
      if (!known.has(key)) {
        known.add(key);
        asked.push([question, argument]);
        answers += framed(answer);
      }
      return answer;
    },
    record: () => ({ asked, digest: digestOf(answers) }),
  };
}

/** True when every question still has the same answer. */
export function stillTrue({ asked, digest }: Looks): boolean {
  let answers = "";
  for (const [question, argument] of asked) {
    if (!isQuestion(question)) return false;
    answers += framed(look(question, argument));
  }
  return digestOf(answers) === digest;
}
