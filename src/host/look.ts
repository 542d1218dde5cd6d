/**
 * Every look at the machine that planning takes. A plan is a function of its description and of these answers alone;
 * answers are text, so that they can be written down and compared with what is the case later.
 */
import { inheritedNofile } from "./exec.ts";
import { effectiveGroup, effectiveUser, kernelRelease } from "./facts.ts";
import { readText, readTextIfExists } from "./fd.ts";
import { fileKind, realPath } from "./path.ts";

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
  /** The lines of mountinfo that are of cgroups, because others come and go. */
  cgroupMounts: () => linesWith(readText(MOUNTINFO), " - cgroup"),
  cgroups: () => readText("/proc/self/cgroup"),
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

/** One look: question, argument, and a digest of the answer. */
export type Answer = readonly [question: string, argument: string, digest: string];

/** A short digest of an answer; the absent answer has one of its own. */
export const digestOf = (answer: string | undefined): string =>
  answer === undefined ? "" : new Bun.CryptoHasher("sha256").update(answer).digest("base64").slice(0, 22);

/** A look that remembers what was asked, and what the answers were. */
export function recordingLook(): { readonly look: Look; readonly answers: readonly Answer[] } {
  const answers: Answer[] = [];
  const asked = new Set<string>();
  return {
    answers,
    look: (question, argument = "") => {
      const answer = look(question, argument);
      const key = `${question} ${argument}`;
      if (!asked.has(key)) {
        asked.add(key);
        answers.push([question, argument, digestOf(answer)]);
      }
      return answer;
    },
  };
}

/** True when every question still has the same answer. */
export function stillTrue(answers: readonly Answer[]): boolean {
  for (const [question, argument, digest] of answers) {
    if (!isQuestion(question)) return false;
    if (digestOf(look(question, argument)) !== digest) return false;
  }
  return true;
}
