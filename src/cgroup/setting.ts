/** Limits as both versions take them: a text for a file of the cgroup's directory. */
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { bytes, call, slot } from "../plan/build.ts";
import type { Call, Step } from "../plan/step.ts";
import type { Resources } from "../spec/resources.ts";

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
  directory: string,
  list: readonly Setting[],
  absent: (setting: Setting) => string,
): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < list.length; index++) {
    const setting = list[index];
    if (setting === undefined) continue;
    const { controller, file, text } = setting;
    const path = `${directory}/${file}`;
    const hints: Call["hints"] = { ...WRITE_HINTS, ENOENT: absent(setting) };
    const why = `limit ${controller}: write ${text} to ${path}`;
    const data = new TextEncoder().encode(text);
    // Lines of one file that follow each other share a descriptor.
    if (list[index - 1]?.file !== file) {
      steps.push(call(why, "openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0], { into: FILE, hints }));
    }
    steps.push(call(why, "write", [FILE, bytes(data, JSON.stringify(text)), data.length], { hints }));
    if (list[index + 1]?.file !== file) steps.push(call(`close ${path}`, "close", [FILE]));
  }
  return steps;
}
