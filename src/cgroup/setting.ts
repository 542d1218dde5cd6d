/** Limits as both versions take them: a text for a file of the cgroup's directory. */
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { bytes, call, slot } from "../plan/build.ts";
import type { Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";
import { type Directory, subjectOf } from "./directory.ts";

export interface Setting {
  readonly controller: string;
  /** In the directory of the cgroup. */
  readonly file: string;
  readonly text: string;
}

/** 0 is taken for "not given" by every runtime; −1 is no limit. */
export type Amount = number | bigint | undefined;

/** The settings of rows whose text is there. */
export const settings = (
  rows: readonly (readonly [controller: string, file: string, text: string | undefined])[],
): Setting[] =>
  rows.flatMap(([controller, file, text]) => (text === undefined ? [] : [{ controller, file, text }]));

/** The same file and words in both versions; whatever is not a limit means none. */
export const pidsMax = ({ pids }: Resources): string | undefined =>
  pids === undefined ? undefined : pids.limit > 0 ? `${pids.limit}` : "max";

const FILE = slot("cgroup file");

const WRITE_HINTS = {
  EINVAL: "the kernel does not take this value here; a parent cgroup may allow less",
  ERANGE: "the value is out of the kernel's range",
  EBUSY: "the cgroup uses more than that already",
  EACCES: "the cgroup does not belong to this user",
  EPERM: "a parent cgroup does not allow it, or this user may not decide it",
  EROFS: "the cgroup file system is mounted read-only",
} as const;

/** Writes the settings of one directory; `absent` is the hint for a file that is not there. */
export function writeSettings(
  directory: Directory,
  list: readonly Setting[],
  absent: (setting: Setting) => string,
): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < list.length; index++) {
    const setting = list[index];
    if (setting === undefined) continue;
    const { controller, file, text } = setting;
    const special = { hints: { ...WRITE_HINTS, ENOENT: absent(setting) }, ...subjectOf(directory) };
    const why = `limit ${controller}: write ${text} to ${file} of the cgroup ${directory.text}`;
    const data = new TextEncoder().encode(text);
    // Lines of one file that follow each other share a descriptor.
    if (list[index - 1]?.file !== file) {
      steps.push(
        call(why, "openat", [directory.self, file, O_WRONLY | O_CLOEXEC, 0], { into: FILE, ...special }),
      );
    }
    steps.push(call(why, "write", [FILE, bytes(data, JSON.stringify(text)), data.length], special));
    if (list[index + 1]?.file !== file) steps.push(call(`close ${file}`, "close", [FILE]));
  }
  return steps;
}
